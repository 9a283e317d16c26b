# The threshold network and its readouts on every simulator, on all frames of the evaluation.


# One job simulates all frames, or several share them: then the rule writes parts, and join_spikes joins them.
rule simulate_network:
    input:
        network=SEED / "threshold.npz",
        frames=frames(STUDY.evaluation),
    output:
        output=SIMULATED if PARTS == 1 else temp(SIMULATED),
    log:
        LOGS / f"{{experiment}}/seed-{{seed}}/simulate_network-{{simulator}}{PART}.log",
    benchmark:
        BENCHMARKS / f"{{experiment}}/seed-{{seed}}/simulate_network-{{simulator}}{PART}.tsv"
    group:
        "threshold"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(2000),
        runtime=attempts(10),
    params:
        code=lambda wildcards: code("simulate-network", *MODULES[wildcards.simulator]),
        record=lambda wildcards: as_json(STUDY.experiments[wildcards.experiment].recorded(wildcards.simulator)),
        part=lambda wildcards: f"{wildcards.get('part', 1)}/{PARTS}",
    shell:
        command("simulate-network", f"{JOB}, simulation", "record", "part")


if PARTS > 1:

    rule join_spikes:
        input:
            parts=expand(SIMULATED, part=range(1, PARTS + 1), allow_missing=True),
        output:
            output=SEED / "spikes/{simulator}.npz",
        log:
            LOGS / "{experiment}/seed-{seed}/join_spikes-{simulator}.log",
        benchmark:
            BENCHMARKS / "{experiment}/seed-{seed}/join_spikes-{simulator}.tsv"
        group:
            "threshold"
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
        spikes=SEED / "spikes/{simulator}.npz",
    output:
        output=SEED / "spikes/{simulator}-{readout}.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/simulate_readout-{simulator}-{readout}.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/simulate_readout-{simulator}-{readout}.tsv"
    group:
        "threshold"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(1000),
        runtime=attempts(2),
    params:
        code=lambda wildcards: code("simulate-readout", *MODULES[wildcards.simulator]),
    shell:
        command("simulate-readout", f"{JOB}, readout")
