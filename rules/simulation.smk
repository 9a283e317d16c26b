# The threshold network and its readouts on every backend, on all frames of the evaluation.


# One job simulates all frames, or several share them: then the rule writes parts, and join_spikes joins them.
rule simulate_network:
    input:
        network=SEED / "threshold.npz",
        frames=frames(STUDY.evaluation),
    output:
        output=SIMULATED if PARTS == 1 else temp(SIMULATED),
    log:
        LOGS / f"{{experiment}}/seed-{{seed}}/simulate_network-{{backend}}{PART}.log",
    benchmark:
        BENCHMARKS / f"{{experiment}}/seed-{{seed}}/simulate_network-{{backend}}{PART}.tsv"
    group:
        "deployment"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(2000),
        runtime=attempts(10),
    params:
        code=lambda wildcards: code("simulate-network", *MODULES[wildcards.backend]),
        keep=lambda wildcards: as_json(STUDY.experiments[wildcards.experiment].kept(wildcards.backend)),
        part=lambda wildcards: f"{wildcards.get('part', 1)}/{PARTS}",
    shell:
        command("simulate-network", f"{JOB}, simulation", "keep", "part")


if PARTS > 1:

    rule join_spikes:
        input:
            parts=expand(SIMULATED, part=range(1, PARTS + 1), allow_missing=True),
        output:
            output=SEED / "spikes/{backend}.npz",
        log:
            LOGS / "{experiment}/seed-{seed}/join_spikes-{backend}.log",
        benchmark:
            BENCHMARKS / "{experiment}/seed-{seed}/join_spikes-{backend}.tsv"
        group:
            "deployment"
        conda:
            "../envs/steep.yaml"
        resources:
            mem_mb=attempts(2000),
            runtime=attempts(5),
        params:
            code=code("join-spikes"),
        shell:
            command("join-spikes", f"{JOB}, joining")


rule simulate_readout:
    input:
        network=SEED / "readout-{readout}.npz",
        spikes=SEED / "spikes/{backend}.npz",
    output:
        output=SEED / "spikes/{backend}-{readout}.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/simulate_readout-{backend}-{readout}.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/simulate_readout-{backend}-{readout}.tsv"
    group:
        "deployment"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(1000),
        runtime=attempts(2),
    params:
        code=lambda wildcards: code("simulate-readout", *MODULES[wildcards.backend]),
    shell:
        command("simulate-readout", f"{JOB}, readout")
