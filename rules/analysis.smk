# The last evaluation, on the test frames (of a study that chooses: on validation frames), and studies of one seed's network.


rule score_network:
    input:
        original=shared("original.safetensors"),
        continued=shared("continued.safetensors"),
        sharpened=SEED / "sharpened.safetensors",
        frames=frames(EVALUATION),
    output:
        scores=SEED / "scores-network.csv",
        classes=SEED / "classes.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/score_network.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/score_network.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(6),
    params:
        labels=labels,
        code=code("steep.analysis.scores"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, scores' python -m steep score-network --labels {params.labels:q}"
        " --original {input.original:q} --continued {input.continued:q} --sharpened {input.sharpened:q} --frames {input.frames:q} --scores {output.scores:q} --classes {output.classes:q} 2>&1 | tee -i {log:q}"


rule compare_backends:
    input:
        unpack(spikes),
        unpack(population),
        network=simulated_network,
        frames=frames(EVALUATION),
    output:
        scores=SEED / "scores-{readout}.csv",
        comparison=SEED / "comparison-{readout}.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/compare_backends-{readout}.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/compare_backends-{readout}.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(2),
    params:
        labels=labels,
        spikes=lambda wildcards, input: [f"{name}={input[name]}" for name in experiment(wildcards)["backends"]],
        population=lambda wildcards, input: (
            ["--population", input["population"]] if wildcards.readout == "spikes" else []
        ),
        code=code("steep.analysis.scores"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, comparison' python -m steep compare-backends --labels {params.labels:q}"
        " --readout {wildcards.readout} {params.population:q} --network {input.network:q} --spikes {params.spikes:q} --frames {input.frames:q}"
        " --scores {output.scores:q} --comparison {output.comparison:q} 2>&1 | tee -i {log:q}"


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
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(10),
    params:
        labels=labels,
        quantization=literal(config["quantization"]),
        weight_bits=lambda wildcards: as_json(
            config["recipes"][experiment(wildcards)["recipe"]]["deployment"]["weight_bits"]
        ),
        code=code("steep.threshold.compile", "steep.threshold.margins", "steep.checkpoint"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, quantization' python -m steep study-quantization --labels {params.labels:q}"
        " --quantization {params.quantization:q} --weight-bits {params.weight_bits:q} --sharpened {input.sharpened:q}"
        " --network {input.network:q} --frames {input.frames:q} --bits {output.bits:q} --margins {output.margins:q} 2>&1 | tee -i {log:q}"


rule summarize_spikes:
    input:
        network=SEED / "threshold.npz",
        frames=frames(EVALUATION),
        spikes=lambda wildcards: SEED / f"spikes/{experiment(wildcards)['backends'][0]}.npz",
    output:
        activity=SEED / "activity.npz",
        examples=SEED / "examples.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/summarize_spikes.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/summarize_spikes.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(4000),
        runtime=minutes(5),
    params:
        code=code("steep.analysis.activity"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, activity' python -m steep summarize-spikes --network {input.network:q} --frames {input.frames:q} --spikes {input.spikes:q} --activity {output.activity:q} --examples {output.examples:q} 2>&1 | tee -i {log:q}"
