# The original network, the sharpened network trained on from it, and its compilation to integers.
# One compute thread each: other thread counts give other bits, and seeds run side by side.
# A training that was killed goes on from its checkpoint, which is no output: Snakemake removes the outputs of what failed.


rule train_original:
    input:
        train=frames("train"),
        validation=frames("validation"),
    output:
        network=SEED / "original.safetensors",
        history=SEED / "original.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/train_original.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/train_original.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(80),
    params:
        layers=lambda wildcards: as_json(config["networks"][experiment(wildcards)["network"]]["layers"]),
        recipe=recipe("original"),
        checkpoint=unfinished("original"),
        code=code("steep.training", "steep.checkpoint"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, original' python -m steep train-original"
        " --layers {params.layers:q} --recipe {params.recipe:q} --seed {wildcards.seed}"
        " --train {input.train:q} --validation {input.validation:q} --checkpoint {params.checkpoint:q}"
        " --output {output.network:q} --history {output.history:q} 2>&1 | tee -i {log:q}"


rule continue_original:
    input:
        original=shared("original.safetensors"),
        train=frames("train"),
        validation=frames("validation"),
    output:
        network=SEED / "continued.safetensors",
        history=SEED / "continued.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/continue_original.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/continue_original.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(80),
    params:
        recipe=continued_recipe,
        checkpoint=unfinished("continued"),
        code=code("steep.training", "steep.checkpoint"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, trained on' python -m steep continue-original"
        " --original {input.original:q} --recipe {params.recipe:q} --seed {wildcards.seed}"
        " --train {input.train:q} --validation {input.validation:q} --checkpoint {params.checkpoint:q}"
        " --output {output.network:q} --history {output.history:q} 2>&1 | tee -i {log:q}"


rule sharpen_network:
    input:
        original=shared("original.safetensors"),
        teacher=teacher,
        train=frames("train"),
        validation=frames("validation"),
    output:
        network=SEED / "sharpened.safetensors",
        history=SEED / "sharpened.csv",
        activations=SEED / "activations.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/sharpen_network.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/sharpen_network.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(80),
    params:
        recipe=recipe("sharpening"),
        checkpoint=unfinished("sharpened"),
        teacher=lambda wildcards, input: f"--teacher {shlex.quote(input.teacher)}" if input.teacher else "",
        code=code("steep.sharpening.training", "steep.checkpoint"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, sharpening' python -m steep sharpen-network"
        " --original {input.original:q} --recipe {params.recipe:q} --seed {wildcards.seed}"
        " --train {input.train:q} --validation {input.validation:q} --checkpoint {params.checkpoint:q} {params.teacher}"
        " --output {output.network:q} --history {output.history:q} --activations {output.activations:q} 2>&1 | tee -i {log:q}"


rule compile_network:
    input:
        SEED / "sharpened.safetensors",
    output:
        SEED / "threshold.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/compile_network.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/compile_network.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(2),
    params:
        weight_bits=lambda wildcards: as_json(
            config["recipes"][experiment(wildcards)["recipe"]]["deployment"]["weight_bits"]
        ),
        code=code("steep.threshold.compile", "steep.checkpoint"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, compilation' python -m steep compile-network"
        " --sharpened {input:q} --weight-bits {params.weight_bits:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule train_population:
    input:
        network=SEED / "threshold.npz",
        train=frames("train"),
        validation=frames("validation"),
    output:
        network=SEED / "population.safetensors",
        history=SEED / "population.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/train_population.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/train_population.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(3000),
        runtime=minutes(15),
    params:
        recipe=recipe("population"),
        checkpoint=unfinished("population"),
        code=code("steep.population", "steep.simulators.torch_threshold", "steep.checkpoint"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, population code' python -m steep train-population"
        " --network {input.network:q} --recipe {params.recipe:q} --seed {wildcards.seed}"
        " --train {input.train:q} --validation {input.validation:q} --checkpoint {params.checkpoint:q}"
        " --output {output.network:q} --history {output.history:q} 2>&1 | tee -i {log:q}"


rule compile_population:
    input:
        SEED / "population.safetensors",
    output:
        SEED / "readout-spikes.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/compile_population.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/compile_population.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(2),
    params:
        weight_bits=lambda wildcards: config["recipes"][experiment(wildcards)["recipe"]]["population"]["weight_bits"],
        code=code("steep.threshold.compile", "steep.checkpoint"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, compilation' python -m steep compile-population"
        " --population {input:q} --weight-bits {params.weight_bits} --output {output:q} 2>&1 | tee -i {log:q}"


rule compile_winner_take_all:
    input:
        SEED / "threshold.npz",
    output:
        SEED / "readout-wta.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/compile_winner_take_all.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/compile_winner_take_all.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(2),
    params:
        code=code("steep.threshold.readouts"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, winner-take-all' python -m steep compile-winner-take-all"
        " --network {input:q} --output {output:q} 2>&1 | tee -i {log:q}"
