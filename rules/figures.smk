# Figures, each of a saved result.


rule plot_convergence:
    input:
        activations=RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "activations.npz",
        history=RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "sharpened.csv",
    output:
        drawn("convergence-{experiment}", "Method", "Activations converge to steps", which="{experiment}"),
    log:
        LOGS / "{experiment}/plot_convergence.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_convergence.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        title=titled,
        layers=weighted_layers,
        code=code("steep.figures.convergence"),
    shell:
        "STEEP_JOB={wildcards.experiment} python -m steep plot-convergence --activations {input.activations:q} --history {input.history:q}"
        " --layers {params.layers:q} --title {params.title:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_bits:
    input:
        RESULTS / "tables/study-bits.csv",
    output:
        drawn("bits-{experiment}", "Method", "Accuracy against bits of the weights", which="{experiment}"),
    log:
        LOGS / "{experiment}/plot_bits.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_bits.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        title=titled,
        layers=weighted_layers,
        code=code("steep.figures.bits"),
    shell:
        "STEEP_JOB=figures python -m steep plot-bits --bits {input:q} --experiment {wildcards.experiment} --title {params.title:q}"
        " --layers {params.layers:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_overview:
    input:
        RESULTS / "tables/verdicts.csv",
    output:
        drawn("overview", "Results", "The talk beside this study"),
    log:
        LOGS / "plot_overview.log",
    benchmark:
        BENCHMARKS / "plot_overview.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        evaluation=EVALUATION,
        code=code("steep.figures.overview", "steep.analysis.verdicts"),
    shell:
        "STEEP_JOB=figures python -m steep plot-overview --verdicts {input:q} --evaluation {params.evaluation:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_effects:
    input:
        RESULTS / "tables/effects.csv",
    output:
        drawn("effects", "Results", "What each change does"),
    log:
        LOGS / "plot_effects.log",
    benchmark:
        BENCHMARKS / "plot_effects.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        evaluation=EVALUATION,
        code=code("steep.figures.effects"),
    shell:
        "STEEP_JOB=figures python -m steep plot-effects --effects {input:q} --evaluation {params.evaluation:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_transfer:
    output:
        drawn("transfer", "Method", "Rectified linear unit and spiking neuron"),
    log:
        LOGS / "plot_transfer.log",
    benchmark:
        BENCHMARKS / "plot_transfer.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        code=code("steep.figures.transfer"),
    shell:
        "STEEP_JOB=figures python -m steep plot-transfer --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_sigmoid:
    output:
        drawn("sigmoid", "Method", "The sharpened sigmoid"),
    log:
        LOGS / "plot_sigmoid.log",
    benchmark:
        BENCHMARKS / "plot_sigmoid.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        settings=literal(ways_of_sharpening(), sort=False),
        code=code("steep.figures.sigmoid"),
    shell:
        "STEEP_JOB=figures python -m steep plot-sigmoid --settings {params.settings:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_conversion:
    input:
        RESULTS / "datasets/{dataset}/validation.npz",
    output:
        drawn("conversion-{dataset}", "Method", "Data conversion, one image each way", which="{dataset}"),
    log:
        LOGS / "{dataset}/plot_conversion.log",
    benchmark:
        BENCHMARKS / "{dataset}/plot_conversion.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(2),
    params:
        title=lambda wildcards: config["datasets"][wildcards.dataset]["title"],
        encodings=lambda wildcards: as_json(
            {
                entry["encoding"]: config["encodings"][entry["encoding"]]
                for entry in config["experiments"].values()
                if entry["dataset"] == wildcards.dataset
            },
            sort=False,
        ),
        code=code("steep.figures.conversion"),
    shell:
        "STEEP_JOB={wildcards.dataset} python -m steep plot-conversion --images {input:q} --encodings {params.encodings:q} --title {params.title:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_sharpening:
    input:
        sharpened=expand(SEED / "sharpened.csv", seed=config["seeds"], allow_missing=True),
        continued=lambda wildcards: [
            shared_file(wildcards.experiment, seed, "continued.csv") for seed in config["seeds"]
        ],
    output:
        drawn("sharpening-{experiment}", "Method", "Accuracy over sharpening", which="{experiment}"),
    log:
        LOGS / "{experiment}/plot_sharpening.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_sharpening.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        title=titled,
        code=code("steep.figures.sharpening"),
    shell:
        "STEEP_JOB={wildcards.experiment} python -m steep plot-sharpening --sharpened {input.sharpened:q} --continued {input.continued:q} --title {params.title:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_layers:
    input:
        examples=RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "examples.npz",
        network=RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "threshold.npz",
    output:
        drawn("layers-{experiment}", "Spiking activity", "Spikes, layer by layer", which="{experiment}"),
    log:
        LOGS / "{experiment}/plot_layers.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_layers.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        title=titled,
        code=code("steep.figures.layers"),
    shell:
        "STEEP_JOB={wildcards.experiment} python -m steep plot-layers --examples {input.examples:q} --network {input.network:q} --title {params.title:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_pipeline:
    input:
        examples=RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "examples.npz",
        network=RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "threshold.npz",
    output:
        drawn("pipeline-{experiment}", "Spiking activity", "Frames in flight (animation)", which="{experiment}"),
    log:
        LOGS / "{experiment}/plot_pipeline.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_pipeline.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        title=titled,
        code=code("steep.figures.pipeline"),
    shell:
        "STEEP_JOB={wildcards.experiment} python -m steep plot-pipeline --examples {input.examples:q} --network {input.network:q} --title {params.title:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_mistakes:
    input:
        examples=RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "examples.npz",
        network=RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "threshold.npz",
    output:
        drawn(
            "mistakes-{experiment}",
            "Spiking activity",
            "Misclassified frames, and the spikes that decided",
            which="{experiment}",
        ),
    log:
        LOGS / "{experiment}/plot_mistakes.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_mistakes.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        title=titled,
        names=class_names,
        code=code("steep.figures.mistakes"),
    shell:
        "STEEP_JOB={wildcards.experiment} python -m steep plot-mistakes --examples {input.examples:q} --network {input.network:q} --names {params.names:q} --title {params.title:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_aggregate:
    input:
        examples=RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "examples.npz",
        network=RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "threshold.npz",
    output:
        drawn(
            "aggregate-{experiment}",
            "Spiking activity",
            "Spiking convolution, all filters in one picture",
            which="{experiment}",
        ),
    log:
        LOGS / "{experiment}/plot_aggregate.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_aggregate.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        title=titled,
        code=code("steep.figures.aggregate"),
    shell:
        "STEEP_JOB={wildcards.experiment} python -m steep plot-aggregate --examples {input.examples:q} --network {input.network:q} --title {params.title:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_feature_maps:
    input:
        RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "activity.npz",
    output:
        drawn("feature-maps-{experiment}", "Spiking activity", "Units: sparse, dead, saturated", which="{experiment}"),
    log:
        LOGS / "{experiment}/plot_feature_maps.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_feature_maps.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        title=titled,
        code=code("steep.figures.feature_maps"),
    shell:
        "STEEP_JOB={wildcards.experiment} python -m steep plot-feature-maps --activity {input:q} --title {params.title:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_confusion:
    input:
        activity=expand(SEED / "activity.npz", seed=config["seeds"], allow_missing=True),
        classes=expand(SEED / "classes.npz", seed=config["seeds"], allow_missing=True),
    output:
        drawn("confusion-{experiment}", "Results", "Spiking beside non-spiking, confusion", which="{experiment}"),
    log:
        LOGS / "{experiment}/plot_confusion.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_confusion.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        title=titled,
        simulators=lambda wildcards: as_json(experiment(wildcards)["backends"]),
        names=class_names,
        code=code("steep.figures.confusion"),
    shell:
        "STEEP_JOB={wildcards.experiment} python -m steep plot-confusion --activity {input.activity:q} --classes {input.classes:q} --simulators {params.simulators:q} --names {params.names:q} --title {params.title:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_activity:
    input:
        RESULTS / "tables/activity.csv",
    output:
        drawn("activity", "Spiking activity", "Spikes and synaptic events of a frame"),
    log:
        LOGS / "plot_activity.log",
    benchmark:
        BENCHMARKS / "plot_activity.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        titles=literal(titles()),
        code=code("steep.figures.activity"),
    shell:
        "STEEP_JOB=figures python -m steep plot-activity --activity {input:q} --titles {params.titles:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_energy:
    input:
        energy=RESULTS / "tables/energy.csv",
        published=published("energy-per-frame.csv"),
    output:
        drawn("energy", "Cost", "Energy of a frame, estimated"),
    log:
        LOGS / "plot_energy.log",
    benchmark:
        BENCHMARKS / "plot_energy.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        titles=literal(titles()),
        code=code("steep.figures.energy"),
    shell:
        "STEEP_JOB=figures python -m steep plot-energy --energy {input.energy:q} --published {input.published:q} --titles {params.titles:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_benchmark:
    input:
        MEASURED / "{benchmark}.csv",
    output:
        drawn("benchmark-{benchmark}", "Cost", "Benchmark of {benchmark}"),
    log:
        LOGS / "plot_benchmark-{benchmark}.log",
    benchmark:
        BENCHMARKS / "plot_benchmark-{benchmark}.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        code=code("steep.figures.simulators", "steep.figures.stpu_cost"),
    shell:
        "STEEP_JOB=figures python -m steep plot-benchmark --table {input:q} --benchmark {wildcards.benchmark} --output {output:q} 2>&1 | tee -i {log:q}"
