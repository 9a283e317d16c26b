# The last evaluation, on the test frames (of a study that chooses: on validation frames), and sweeps of one seed's network.


rule score_network:
    input:
        original=shared("original.safetensors"),
        continued=shared("continued.safetensors"),
        sharpened=SEED / "sharpened.safetensors",
        frames=frames(STUDY.evaluation),
    output:
        scores=SEED / "scores-network.csv",
        classes=SEED / "classes.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/score_network.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/score_network.tsv"
    group:
        "tables"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(2000),
        runtime=attempts(6),
    params:
        row=row,
        code=code("score-network"),
    shell:
        command("score-network", f"{JOB}, scores")


rule compare_simulators:
    input:
        spikes=spikes,
        # The threshold network, or the readout's circuit.
        network=lambda wildcards: SEED
        / ("threshold.npz" if wildcards.readout == "potential" else "readout-{readout}.npz"),
        population=lambda wildcards: SEED / "population.safetensors" if wildcards.readout == "spikes" else [],
        frames=frames(STUDY.evaluation),
    output:
        scores=SEED / "scores-{readout}.csv",
        comparison=SEED / "comparison-{readout}.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/compare_simulators-{readout}.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/compare_simulators-{readout}.tsv"
    group:
        "threshold"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(2000),
        runtime=attempts(2),
    params:
        row=row,
        spikes=lambda wildcards, input: [
            f"{simulator}={file}"
            for simulator, file in zip(STUDY.experiments[wildcards.experiment].simulators, input.spikes, strict=True)
        ],
        code=code("compare-simulators"),
    shell:
        command("compare-simulators", f"{JOB}, comparison", "population", spikes="{params.spikes:q}")


rule sweep_weight_bits:
    input:
        sharpened=SEED / "sharpened.safetensors",
        network=SEED / "threshold.npz",
        frames=frames("validation"),
    output:
        bits=SEED / "sweep-bits.csv",
        margins=SEED / "sweep-margins.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/sweep_weight_bits.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/sweep_weight_bits.tsv"
    group:
        "threshold"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(3000),
        runtime=attempts(10),
    params:
        row=row,
        settings=literal(config["sweep"]),
        weight_bits=value(lambda experiment: experiment.recipe.compilation["weight_bits"]),
        code=code("sweep-weight-bits"),
    shell:
        command("sweep-weight-bits", f"{JOB}, weight bits")


rule summarize_spikes:
    input:
        network=SEED / "threshold.npz",
        frames=frames(STUDY.evaluation),
        spikes=lambda wildcards: SEED / f"spikes/{STUDY.experiments[wildcards.experiment].simulators[0]}.npz",
    output:
        activity=SEED / "activity.npz",
        examples=SEED / "examples.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/summarize_spikes.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/summarize_spikes.tsv"
    group:
        "threshold"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(4000),
        runtime=attempts(5),
    params:
        code=code("summarize-spikes"),
    shell:
        command("summarize-spikes", f"{JOB}, activity")
