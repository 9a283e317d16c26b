# The threshold network on every backend, on all test frames.


rule simulate_network:
    input:
        network=SEED / "threshold.npz",
        frames=frames("test"),
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
