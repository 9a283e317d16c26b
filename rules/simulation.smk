# The threshold network and its readouts on every backend, on all frames of the evaluation.


rule simulate_network:
    input:
        network=SEED / "threshold.npz",
        frames=frames(EVALUATION),
    output:
        SEED / "spikes/{backend}.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/simulate_network-{backend}.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/simulate_network-{backend}.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(60),
    params:
        code=lambda wildcards: code(BACKEND_MODULES[wildcards.backend], "steep.frames"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, simulation' python -m steep simulate-network"
        " --backend {wildcards.backend} --network {input.network:q} --frames {input.frames:q} --output {output:q} 2>&1 | tee -i {log:q}"


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
        mem_mb=megabytes(3000),
        runtime=minutes(60),
    params:
        code=lambda wildcards: code(BACKEND_MODULES[wildcards.backend], "steep.threshold.readouts"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, readout' python -m steep simulate-readout"
        " --backend {wildcards.backend} --network {input.network:q} --spikes {input.spikes:q} --output {output:q} 2>&1 | tee -i {log:q}"
