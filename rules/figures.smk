# Figures, each of a saved result.


rule plot_convergence:
    input:
        activations=RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "activations.npz",
        history=RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "sharpened.csv",
    output:
        report(
            RESULTS / "figures/convergence-{experiment}.svg",
            caption="../report/convergence.rst",
            category="Method",
            labels={"figure": "Activations converge to steps", "experiment": "{experiment}"},
        ),
    log:
        LOGS / "{experiment}/plot_convergence.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_convergence.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        title=lambda wildcards: f"{config['networks'][experiment(wildcards)['network']]['title']}, {wildcards.experiment}, seed {config['seeds'][0]}",
        code=code("steep.figures.convergence"),
    shell:
        "STEEP_JOB={wildcards.experiment} python -m steep plot-convergence --activations {input.activations:q} --history {input.history:q}"
        " --title {params.title:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_bits:
    input:
        RESULTS / "tables/study-bits.csv",
    output:
        report(
            RESULTS / "figures/bits-{experiment}.svg",
            caption="../report/bits.rst",
            category="Deployment",
            labels={"figure": "Accuracy against bits of the weights", "experiment": "{experiment}"},
        ),
    log:
        LOGS / "{experiment}/plot_bits.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_bits.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        title=titled,
        code=code("steep.figures.bits"),
    shell:
        "STEEP_JOB=figures python -m steep plot-bits --bits {input:q} --experiment {wildcards.experiment} --title {params.title:q}"
        " --output {output:q} 2>&1 | tee -i {log:q}"
