# Data sets and encodings. Test frames go into files of their own: no training job ever opens them.


rule fetch_dataset:
    output:
        train=RESULTS / "datasets/{dataset}/train.npz",
        validation_frames=RESULTS / "datasets/{dataset}/validation.npz",
        test=RESULTS / "datasets/{dataset}/test.npz",
    log:
        LOGS / "{dataset}/fetch_dataset.log",
    benchmark:
        BENCHMARKS / "{dataset}/fetch_dataset.tsv"
    group:
        "data"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(2000),
        runtime=attempts(30),
        # A resource and not a parameter, because where data come from does not change what they are.
        mirrors=literal([str(OWN / folder) for folder in STUDY.mirrors]),
    params:
        source=lambda wildcards: STUDY.datasets[wildcards.dataset].origin,
        validation=lambda wildcards: STUDY.datasets[wildcards.dataset].validation,
        cache=DOWNLOADS,
        code=code("fetch-dataset"),
    shell:
        command("fetch-dataset", "{wildcards.dataset}", mirrors="{resources.mirrors:q}")


rule encode_frames:
    input:
        images=expand(RESULTS / "datasets/{{dataset}}/{split}.npz", split=SPLITS),
    output:
        frames=expand(RESULTS / "frames/{{dataset}}/{{encoding}}/{split}.npz", split=SPLITS),
    log:
        LOGS / "{dataset}/{encoding}/encode_frames.log",
    benchmark:
        BENCHMARKS / "{dataset}/{encoding}/encode_frames.tsv"
    group:
        "data"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(2000),
        runtime=attempts(10),
    params:
        encoding=lambda wildcards: as_json(STUDY.encodings[wildcards.encoding]),
        code=code("encode-frames"),
    shell:
        command("encode-frames", "{wildcards.dataset}-{wildcards.encoding}")
