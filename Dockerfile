# The environment of the lock, for machines without Python 3.11; containers/steep.def is the same for Apptainer.
#   docker build -t steep . && docker run --rm --user "$(id -u):$(id -g)" -v "$PWD":/study steep --cores 2 --configfile config/demo.yaml
FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends g++ git make
COPY envs/requirements.lock envs/cluster.lock /opt/steep/envs/
RUN pip install --no-cache-dir --no-deps --index-url https://download.pytorch.org/whl/cpu $(grep '^torch==' /opt/steep/envs/requirements.lock)
RUN pip install --no-cache-dir -r /opt/steep/envs/requirements.lock
RUN pip install --no-cache-dir --no-deps -r /opt/steep/envs/cluster.lock
# Whoever runs it (--user 1234 has neither a name nor a home) can write here; Snakemake asks for both.
ENV HOME=/tmp USER=steep
WORKDIR /study
ENTRYPOINT ["snakemake"]
