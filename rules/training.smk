# The original network, the sharpened network trained on from it, and its compilation to integers.
# One compute thread each: other thread counts give other bits, and seeds run side by side.
# A training that was killed goes on from its checkpoint, which is no output: Snakemake removes the outputs of what failed.


rule train_original:
    input:
        train=frames("train"),
        validation=frames("validation"),
    output:
        output=SEED / "original.safetensors",
        history=SEED / "original.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/train_original.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/train_original.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(3000),
        runtime=attempts(80),
    params:
        layers=value(lambda experiment: experiment.network.layers),
        recipe=value(lambda experiment: experiment.recipe.original),
        checkpoint=unfinished("original"),
        code=code("train-original"),
    shell:
        command("train-original", f"{JOB}, original", "checkpoint", checkpoint="{params.checkpoint:q}")


rule continue_original:
    input:
        original=shared("original.safetensors"),
        train=frames("train"),
        validation=frames("validation"),
    output:
        output=SEED / "continued.safetensors",
        history=SEED / "continued.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/continue_original.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/continue_original.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(3000),
        runtime=attempts(80),
    params:
        recipe=value(lambda experiment: experiment.recipe.control),
        checkpoint=unfinished("continued"),
        code=code("continue-original"),
    shell:
        command("continue-original", f"{JOB}, continued", checkpoint="{params.checkpoint:q}")


rule sharpen_network:
    input:
        original=shared("original.safetensors"),
        teacher=teacher,
        train=frames("train"),
        validation=frames("validation"),
    output:
        output=SEED / "sharpened.safetensors",
        history=SEED / "sharpened.csv",
        activations=SEED / "activations.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/sharpen_network.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/sharpen_network.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(3000),
        runtime=attempts(80),
    params:
        recipe=value(lambda experiment: experiment.recipe.sharpening),
        checkpoint=unfinished("sharpened"),
        code=code("sharpen-network"),
    shell:
        command("sharpen-network", f"{JOB}, sharpening", "teacher", checkpoint="{params.checkpoint:q}")


rule compile_network:
    input:
        sharpened=SEED / "sharpened.safetensors",
    output:
        output=SEED / "threshold.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/compile_network.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/compile_network.tsv"
    group:
        "threshold"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(1000),
        runtime=attempts(2),
    params:
        weight_bits=value(lambda experiment: experiment.recipe.compilation["weight_bits"]),
        code=code("compile-network"),
    shell:
        command("compile-network", f"{JOB}, compilation")


rule train_population:
    input:
        network=SEED / "threshold.npz",
        train=frames("train"),
        validation=frames("validation"),
    output:
        output=SEED / "population.safetensors",
        history=SEED / "population.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/train_population.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/train_population.tsv"
    group:
        "threshold"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(3000),
        runtime=attempts(15),
    params:
        recipe=value(lambda experiment: experiment.recipe.population),
        checkpoint=unfinished("population"),
        code=code("train-population"),
    shell:
        command("train-population", f"{JOB}, population code", checkpoint="{params.checkpoint:q}")


rule compile_population:
    input:
        population=SEED / "population.safetensors",
    output:
        output=SEED / "readout-spikes.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/compile_population.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/compile_population.tsv"
    group:
        "threshold"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(1000),
        runtime=attempts(2),
    params:
        weight_bits=value(lambda experiment: experiment.recipe.population["weight_bits"]),
        code=code("compile-population"),
    shell:
        command("compile-population", f"{JOB}, compilation")


rule compile_winner_take_all:
    input:
        network=SEED / "threshold.npz",
    output:
        output=SEED / "readout-wta.npz",
    log:
        LOGS / "{experiment}/seed-{seed}/compile_winner_take_all.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/compile_winner_take_all.tsv"
    group:
        "threshold"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(1000),
        runtime=attempts(2),
    params:
        code=code("compile-winner-take-all"),
    shell:
        command("compile-winner-take-all", f"{JOB}, winner-take-all")
