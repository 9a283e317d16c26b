# The STPU: what the networks need of it, and what leak, spacing, faults and few bits do to them.


rule study_stpu:
    input:
        network=SEED / "threshold.npz",
        frames=frames("validation"),
    output:
        SEED / "study-stpu.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/study_stpu.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/study_stpu.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        labels=labels,
        studies=literal(STUDY_SETTINGS, sort=False),
        code=code("steep.stpu.studies"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, STPU' python -m steep study-stpu --labels {params.labels:q}"
        " --studies {params.studies:q} --seed {wildcards.seed} --network {input.network:q} --frames {input.frames:q}"
        " --output {output:q} 2>&1 | tee -i {log:q}"


rule tabulate_stpu:
    input:
        [file for row in readout_networks() for file in row[2:] if file],
    output:
        **tabulated("stpu", "STPU", "Networks on the STPU"),
    log:
        LOGS / "tabulate_stpu.log",
    benchmark:
        BENCHMARKS / "tabulate_stpu.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(2),
    params:
        networks=literal(readout_networks(), sort=False),
        limits=literal(STPU.get("limits", {}), sort=False),
        code=code("steep.stpu.table", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-stpu --networks {params.networks:q} --limits {params.limits:q}"
        " --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule plot_responses:
    output:
        drawn("responses", "STPU", "Synaptic responses made of delays"),
    log:
        LOGS / "plot_responses.log",
    benchmark:
        BENCHMARKS / "plot_responses.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        responses=literal(STPU.get("studies", {}).get("responses", {})),
        code=code("steep.figures.responses"),
    shell:
        "STEEP_JOB=figures python -m steep plot-responses --responses {params.responses:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_leak:
    input:
        RESULTS / "tables/study-stpu.csv",
    output:
        drawn("leak-{experiment}", "STPU", "Leak and frame spacing", which="{experiment}"),
    log:
        LOGS / "{experiment}/plot_leak.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_leak.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        title=titled,
        code=code("steep.figures.leak"),
    shell:
        "STEEP_JOB=figures python -m steep plot-leak --studies {input:q} --experiment {wildcards.experiment} --title {params.title:q}"
        " --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_robustness:
    input:
        studies=RESULTS / "tables/study-stpu.csv",
        bits=RESULTS / "tables/study-bits.csv",
    output:
        drawn("robustness-{experiment}", "STPU", "Faults, and bits of weights", which="{experiment}"),
    log:
        LOGS / "{experiment}/plot_robustness.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_robustness.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        title=titled,
        code=code("steep.figures.robustness"),
    shell:
        "STEEP_JOB=figures python -m steep plot-robustness --studies {input.studies:q} --bits {input.bits:q}"
        " --experiment {wildcards.experiment} --title {params.title:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule plot_layout:
    input:
        RESULTS / "{experiment}" / f"seed-{config['seeds'][0]}" / "threshold.npz",
    output:
        drawn("layout-{experiment}", "STPU", "A network laid on the STPU", which="{experiment}"),
    log:
        LOGS / "{experiment}/plot_layout.log",
    benchmark:
        BENCHMARKS / "{experiment}/plot_layout.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(2),
    params:
        title=titled,
        limits=literal(STPU.get("limits", {})),
        code=code("steep.figures.layout"),
    shell:
        "STEEP_JOB=figures python -m steep plot-layout --network {input:q} --limits {params.limits:q} --title {params.title:q}"
        " --output {output:q} 2>&1 | tee -i {log:q}"


rule export_nir:
    input:
        SEED / "threshold.npz",
    output:
        exact=SEED / "threshold.exact.nir",
        portable=SEED / "threshold.portable.nir",
    log:
        LOGS / "{experiment}/seed-{seed}/export_nir.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/export_nir.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(5),
    params:
        code=code("steep.nir_export"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, NIR' python -m steep export-nir --network {input:q}"
        " --exact {output.exact:q} --portable {output.portable:q} 2>&1 | tee -i {log:q}"


rule export_model:
    input:
        unpack(population_code),
        network=SEED / "threshold.npz",
        frames=frames("validation"),
    output:
        model=SEED / "stpu-model{which}.txt",
        table=SEED / "stpu-model{which}.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/export_model{which}.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/export_model{which}.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(5),
    params:
        readout=lambda wildcards: wildcards.which.removeprefix("-") or "potential",
        options=lambda wildcards, input: [
            word for name in population_code(wildcards) for word in (f"--{name}", input[name])
        ],
        code=code("steep.stpu.export", "steep.threshold.readouts", "steep.checkpoint"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, text model' python -m steep export-model --count 100 --inexact"
        " --readout {params.readout} {params.options:q} --network {input.network:q} --frames {input.frames:q}"
        " --output {output.model:q} --table {output.table:q} 2>&1 | tee -i {log:q}"
