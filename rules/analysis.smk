# The last evaluation, on the test frames (of a study that chooses: on validation frames), and the tables.


rule score_network:
    input:
        original=SEED / "original.safetensors",
        continued=SEED / "continued.safetensors",
        sharpened=SEED / "sharpened.safetensors",
        frames=frames(EVALUATION),
    output:
        SEED / "scores-network.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/score_network.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/score_network.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(20),
    params:
        labels=labels,
        code=code("steep.analysis.scores"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, scores' python -m steep score-network --labels {params.labels:q}"
        " --original {input.original:q} --continued {input.continued:q} --sharpened {input.sharpened:q} --frames {input.frames:q} --output {output:q} 2>&1 | tee -i {log:q}"


rule compare_backends:
    input:
        unpack(spikes),
        unpack(population),
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
        runtime=minutes(10),
    params:
        labels=labels,
        spikes=lambda wildcards, input: [f"{name}={input[name]}" for name in experiment(wildcards)["backends"]],
        population=lambda wildcards, input: (
            ["--population", input["population"]] if wildcards.readout == "spikes" else []
        ),
        code=code("steep.analysis.scores"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, comparison' python -m steep compare-backends --labels {params.labels:q}"
        " --readout {wildcards.readout} {params.population:q} --spikes {params.spikes:q} --frames {input.frames:q}"
        " --scores {output.scores:q} --comparison {output.comparison:q} 2>&1 | tee -i {log:q}"


rule tabulate_accuracy:
    input:
        per_seed("scores-network.csv"),
        per_readout("scores-{readout}.csv"),
    output:
        report(
            RESULTS / "tables/accuracy.csv",
            caption="../report/accuracy.rst",
            category="Results",
            labels={"table": "Every accuracy measured", "format": "csv"},
        ),
    log:
        LOGS / "tabulate_accuracy.log",
    benchmark:
        BENCHMARKS / "tabulate_accuracy.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        code=code("steep.analysis.tables"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-accuracy --scores {input:q} --csv {output:q} 2>&1 | tee -i {log:q}"


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
        runtime=minutes(30),
    params:
        labels=labels,
        quantization=as_json(config["quantization"]),
        weight_bits=lambda wildcards: as_json(
            config["recipes"][experiment(wildcards)["recipe"]]["deployment"]["weight_bits"]
        ),
        code=code("steep.threshold.compile", "steep.threshold.margins", "steep.checkpoint"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, quantization' python -m steep study-quantization --labels {params.labels:q}"
        " --quantization {params.quantization:q} --weight-bits {params.weight_bits:q} --sharpened {input.sharpened:q}"
        " --network {input.network:q} --frames {input.frames:q} --bits {output.bits:q} --margins {output.margins:q} 2>&1 | tee -i {log:q}"


rule join_tables:
    input:
        per_studied_seed,
    output:
        report(
            RESULTS / "tables/study-{study}.csv",
            caption="../report/study.rst",
            category="Deployment",
            labels={"table": "Study: {study}", "format": "csv"},
        ),
    log:
        LOGS / "join_studies-{study}.log",
    benchmark:
        BENCHMARKS / "join_studies-{study}.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        code=code("steep.analysis.tables"),
    shell:
        "STEEP_JOB=tables python -m steep join-tables --tables {input:q} --csv {output:q} 2>&1 | tee -i {log:q}"


rule tabulate_margins:
    input:
        RESULTS / "tables/study-margins.csv",
    output:
        csv=report(
            RESULTS / "tables/margins.csv",
            caption="../report/margins.rst",
            category="Deployment",
            labels={"table": "Units near their thresholds", "format": "csv"},
        ),
        html=report(
            RESULTS / "tables/margins.html",
            caption="../report/margins.rst",
            category="Deployment",
            labels={"table": "Units near their thresholds", "format": "html"},
        ),
    log:
        LOGS / "tabulate_margins.log",
    benchmark:
        BENCHMARKS / "tabulate_margins.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        code=code("steep.analysis.tables", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-margins --margins {input:q} --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule tabulate_talk:
    input:
        RESULTS / "tables/accuracy.csv",
    output:
        csv=report(
            RESULTS / "tables/talk.csv",
            caption="../report/talk.rst",
            category="Results",
            labels={"table": "The talk's table beside ours", "format": "csv"},
        ),
        html=report(
            RESULTS / "tables/talk.html",
            caption="../report/talk.rst",
            category="Results",
            labels={"table": "The talk's table beside ours", "format": "html"},
        ),
        markdown=RESULTS / "tables/talk.md",
        view=RESULTS / "tables/talk-view.csv",
        note=RESULTS / "tables/talk-note.txt",
    log:
        LOGS / "tabulate_talk.log",
    benchmark:
        BENCHMARKS / "tabulate_talk.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        study=as_json(
            {key: config[key] for key in ("experiments", "networks", "datasets", "evaluation") if key in config},
            sort=False,
        ),
        code=code("steep.analysis.tables", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-talk --study {params.study:q} --accuracy {input:q}"
        " --csv {output.csv:q} --html {output.html:q} --markdown {output.markdown:q} --view {output.view:q} --note {output.note:q} 2>&1 | tee -i {log:q}"


rule tabulate_backends:
    input:
        per_readout("comparison-{readout}.csv"),
    output:
        csv=report(
            RESULTS / "tables/backends.csv",
            caption="../report/backends.rst",
            category="Results",
            labels={"table": "Backends, spike for spike", "format": "csv"},
        ),
        html=report(
            RESULTS / "tables/backends.html",
            caption="../report/backends.rst",
            category="Results",
            labels={"table": "Backends, spike for spike", "format": "html"},
        ),
    log:
        LOGS / "tabulate_backends.log",
    benchmark:
        BENCHMARKS / "tabulate_backends.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        code=code("steep.analysis.tables", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-backends --comparisons {input:q} --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule tabulate_costs:
    input:
        benchmarks(),
    output:
        csv=report(
            RESULTS / "tables/costs.csv",
            caption="../report/costs.rst",
            category="Cost",
            labels={"table": "Cost by rule", "format": "csv"},
        ),
        html=report(
            RESULTS / "tables/costs.html",
            caption="../report/costs.rst",
            category="Cost",
            labels={"table": "Cost by rule", "format": "html"},
        ),
    log:
        LOGS / "tabulate_costs.log",
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        code=code("steep.analysis.costs", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-costs --benchmarks {input:q} --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule record_provenance:
    input:
        datasets_used(),
        RESULTS / "tables/accuracy.csv",
        RESULTS / "tables/talk.csv",
        RESULTS / "tables/backends.csv",
    output:
        csv=report(
            RESULTS / "tables/provenance.csv",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"table": "Provenance", "format": "csv"},
        ),
        html=report(
            RESULTS / "tables/provenance.html",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"table": "Provenance", "format": "html"},
        ),
        config=RESULTS / "tables/config.yaml",
    log:
        LOGS / "record_provenance.log",
    benchmark:
        BENCHMARKS / "record_provenance.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(10),
    params:
        study=as_json(config, sort=False),
        code=code("steep.analysis.provenance", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep record-provenance --study {params.study:q} --files {input:q}"
        " --csv {output.csv:q} --html {output.html:q} --config {output.config:q} 2>&1 | tee -i {log:q}"
