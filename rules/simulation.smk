# The threshold network and its readouts on every backend, on all frames of the evaluation.


# One job simulates all frames, or several share them: then the rule writes parts, and join_spikes joins them.
rule simulate_network:
    input:
        network=SEED / "threshold.npz",
        frames=frames(EVALUATION),
    output:
        SIMULATED if PARTS == 1 else temp(SIMULATED),
    log:
        LOGS / f"{{experiment}}/seed-{{seed}}/simulate_network-{{backend}}{PART}.log",
    benchmark:
        BENCHMARKS / f"{{experiment}}/seed-{{seed}}/simulate_network-{{backend}}{PART}.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(10),
    params:
        code=lambda wildcards: code(*BACKEND_MODULES[wildcards.backend], "steep.frames"),
        keep=kept,
        part=part,
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, simulation' python -m steep simulate-network"
        " --backend {wildcards.backend} --network {input.network:q} --frames {input.frames:q} --keep {params.keep:q} --part {params.part}"
        " --output {output:q} 2>&1 | tee -i {log:q}"


if PARTS > 1:

    rule join_spikes:
        input:
            expand(SIMULATED, part=range(1, PARTS + 1), allow_missing=True),
        output:
            SEED / "spikes/{backend}.npz",
        log:
            LOGS / "{experiment}/seed-{seed}/join_spikes-{backend}.log",
        benchmark:
            BENCHMARKS / "{experiment}/seed-{seed}/join_spikes-{backend}.tsv"
        conda:
            "../envs/steep.yaml"
        resources:
            mem_mb=megabytes(2000),
            runtime=minutes(5),
        params:
            code=code("steep.spikes"),
        shell:
            "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, joining' python -m steep join-spikes"
            " --parts {input:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule simulate_readout:
    input:
        network=SEED / "readout-{readout}.npz",
        spikes=SEED / "spikes/{backend}.npz",
    output:
        SEED / "spikes/{backend}-{readout}.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/simulate_readout-{backend}-{readout}.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/simulate_readout-{backend}-{readout}.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(2),
    params:
        code=lambda wildcards: code(*BACKEND_MODULES[wildcards.backend], "steep.threshold.readouts"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, readout' python -m steep simulate-readout"
        " --backend {wildcards.backend} --network {input.network:q} --spikes {input.spikes:q} --output {output:q} 2>&1 | tee -i {log:q}"
