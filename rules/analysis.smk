# The last evaluation, on test frames, and the tables.


rule score_network:
    input:
        original=SEED / "original.safetensors",
        continued=SEED / "continued.safetensors",
        sharpened=SEED / "sharpened.safetensors",
        frames=frames("test"),
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
        frames=frames("test"),
    output:
        scores=SEED / "scores-threshold.csv",
        comparison=SEED / "comparison.csv",
    log:
        LOGS / "{experiment}/seed-{seed}/compare_backends.log",
    benchmark:
        BENCHMARKS / "{experiment}/seed-{seed}/compare_backends.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(10),
    params:
        labels=labels,
        spikes=lambda wildcards, input: [f"{name}={path}" for name, path in input.items() if name != "frames"],
        code=code("steep.analysis.scores"),
    shell:
        "STEEP_JOB='{wildcards.experiment} seed {wildcards.seed}, comparison' python -m steep compare-backends --labels {params.labels:q}"
        " --spikes {params.spikes:q} --frames {input.frames:q} --scores {output.scores:q} --comparison {output.comparison:q} 2>&1 | tee -i {log:q}"


rule tabulate_accuracy:
    input:
        per_seed("scores-network.csv"),
        per_seed("scores-threshold.csv"),
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
        study=as_json({key: config[key] for key in ("experiments", "networks", "datasets")}, sort=False),
        code=code("steep.analysis.tables", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-talk --study {params.study:q} --accuracy {input:q}"
        " --csv {output.csv:q} --html {output.html:q} --markdown {output.markdown:q} --view {output.view:q} --note {output.note:q} 2>&1 | tee -i {log:q}"


rule tabulate_backends:
    input:
        per_seed("comparison.csv"),
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
