# The last evaluation, on the test frames (of a study that chooses: on validation frames), and studies of one seed's network.


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
        labels=labels,
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
        "deployment"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(2000),
        runtime=attempts(2),
    params:
        labels=labels,
        spikes=lambda wildcards, input: [
            f"{simulator}={file}"
            for simulator, file in zip(STUDY.experiments[wildcards.experiment].simulators, input.spikes, strict=True)
        ],
        code=code("compare-simulators"),
    shell:
        command("compare-simulators", f"{JOB}, comparison", "population", spikes="{params.spikes:q}")


rule study_quantization:
    input:
        sharpened=SEED / "sharpened.safetensors",
        network=SEED / "threshold.npz",
        frames=frames("validation"),
    output:
        bits=SEED / "study-bits.csv",
        margins=SEED / "study-margins.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/study_quantization.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/study_quantization.tsv"
    group:
        "deployment"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(3000),
        runtime=attempts(10),
    params:
        labels=labels,
        quantization=literal(config["quantization"]),
        weight_bits=told(lambda experiment: experiment.recipe.deployment["weight_bits"]),
        code=code("study-quantization"),
    shell:
        command("study-quantization", f"{JOB}, quantization")


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
        "deployment"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(4000),
        runtime=attempts(5),
    params:
        code=code("summarize-spikes"),
    shell:
        command("summarize-spikes", f"{JOB}, activity")
