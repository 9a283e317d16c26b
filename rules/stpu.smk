# The STPU: what leak, spacing and faults do to the networks; and what is exported for other tools.


rule sweep_stpu:
    input:
        network=SEED / "threshold.npz",
        frames=frames("validation"),
    output:
        output=SEED / "sweep-stpu.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/sweep_stpu.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/sweep_stpu.tsv"
    group:
        "threshold"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(1000),
        runtime=attempts(10),
    params:
        row=row,
        settings=literal(STUDY.sweep_settings, ordered=True),
        code=code("sweep-stpu"),
    shell:
        command("sweep-stpu", f"{JOB}, STPU")


rule export_nir:
    input:
        network=SEED / "threshold.npz",
    output:
        exact=SEED / "threshold.exact.nir",
        portable=SEED / "threshold.portable.nir",
    log:
        LOGS / "{experiment}/seed-{seed}/export_nir.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/export_nir.tsv"
    group:
        "threshold"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(1000),
        runtime=attempts(5),
    params:
        code=code("export-nir"),
    shell:
        command("export-nir", f"{JOB}, NIR")


rule export_model:
    input:
        network=SEED / "threshold.npz",
        # The compiled and the trained population code, where the model ends in it.
        circuit=lambda wildcards: SEED / "readout-spikes.npz" if wildcards.which == "-spikes" else [],
        population=lambda wildcards: SEED / "population.safetensors" if wildcards.which == "-spikes" else [],
        frames=frames("validation"),
    output:
        output=SEED / "stpu-model{which}.txt",
        table=SEED / "stpu-model{which}.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/export_model{which}.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/export_model{which}.tsv"
    group:
        "threshold"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(1000),
        runtime=attempts(5),
    params:
        readout=lambda wildcards: wildcards.which.removeprefix("-") or "potential",
        code=code("export-model"),
    shell:
        command(
            "export-model",
            f"{JOB}, text model",
            "table",
            "circuit",
            "population",
            "inexact",
            count="100",
            readout="{params.readout}",
        )
