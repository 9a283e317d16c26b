# The tables of all experiments and seeds, and the summary that joins them to the figures.
# The report opens a table in the format that sorts first: "HTML" before "csv".


rule tabulate_accuracy:
    input:
        per_seed("scores-network.csv"),
        per_readout("scores-{readout}.csv"),
    output:
        **tabulated("accuracy", "Results", "Every accuracy measured"),
    log:
        LOGS / "tabulate_accuracy.log",
    benchmark:
        BENCHMARKS / "tabulate_accuracy.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        code=code("steep.analysis.tables", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-accuracy --scores {input:q} --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule join_tables:
    input:
        per_studied_seed,
    output:
        **tabulated("study-{study}", study_category, study_result),
    log:
        LOGS / "join_studies-{study}.log",
    benchmark:
        BENCHMARKS / "join_studies-{study}.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        title=lambda wildcards: f"Study: {wildcards.study}",
        code=code("steep.analysis.tables", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep join-tables --title {params.title:q} --tables {input:q} --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule tabulate_margins:
    input:
        RESULTS / "tables/study-margins.csv",
    output:
        **tabulated("margins", "Method", "Units near their thresholds"),
    log:
        LOGS / "tabulate_margins.log",
    benchmark:
        BENCHMARKS / "tabulate_margins.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        code=code("steep.analysis.tables", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-margins --margins {input:q} --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule tabulate_talk:
    input:
        RESULTS / "tables/accuracy.csv",
    output:
        **tabulated("talk", "Results", "The talk's table beside ours"),
        markdown=RESULTS / "tables/talk.md",
        view=RESULTS / "tables/talk-view.csv",
        note=RESULTS / "tables/talk-note.txt",
        landing=RESULTS / "tables/landing-talk.rst",
    log:
        LOGS / "tabulate_talk.log",
    benchmark:
        BENCHMARKS / "tabulate_talk.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        study=literal(
            {key: config[key] for key in ("experiments", "networks", "datasets", "evaluation") if key in config},
            sort=False,
        ),
        code=code("steep.analysis.tables", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-talk --study {params.study:q} --accuracy {input:q}"
        " --csv {output.csv:q} --html {output.html:q} --markdown {output.markdown:q} --view {output.view:q} --note {output.note:q} --landing {output.landing:q} 2>&1 | tee -i {log:q}"


rule tabulate_backends:
    input:
        per_readout("comparison-{readout}.csv"),
    output:
        **tabulated("backends", "Results", "Backends, spike for spike"),
    log:
        LOGS / "tabulate_backends.log",
    benchmark:
        BENCHMARKS / "tabulate_backends.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        code=code("steep.analysis.tables", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-backends --comparisons {input:q} --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule tabulate_costs:
    input:
        benchmarks(),
    output:
        **tabulated("costs", "Cost", "Cost by rule"),
    log:
        LOGS / "tabulate_costs.log",
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        code=code("steep.analysis.costs", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-costs --benchmarks {input:q} --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule tabulate_benchmark:
    input:
        MEASURED / "{benchmark}.csv",
    output:
        **tabulated("benchmark-{benchmark}", "Cost", "Benchmark of {benchmark}"),
    log:
        LOGS / "tabulate_benchmark-{benchmark}.log",
    benchmark:
        BENCHMARKS / "tabulate_benchmark-{benchmark}.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        code=code("steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-benchmark --table {input:q} --title 'Benchmark of {wildcards.benchmark}'"
        " --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule record_provenance:
    input:
        # What is remade later than this table would be another commit's.
        others(),
        files=[*datasets_used(), *[RESULTS / f"tables/{name}.csv" for name in ("accuracy", "talk", "backends")]],
    output:
        **tabulated("provenance", "Provenance", "Provenance"),
        config=item("tables/config.yaml", "Provenance", result="The config, whole", which="YAML"),
        repeat=RESULTS / "tables/repeat.txt",
    log:
        LOGS / "record_provenance.log",
    benchmark:
        BENCHMARKS / "record_provenance.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(2),
    params:
        study=literal(config, sort=False),
        code=code("steep.analysis.provenance", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep record-provenance --study {params.study:q} --files {input.files:q}"
        " --csv {output.csv:q} --html {output.html:q} --config {output.config:q} --repeat {output.repeat:q} 2>&1 | tee -i {log:q}"


rule tabulate_activity:
    input:
        per_seed("activity.npz"),
    output:
        **tabulated("activity", "Spiking activity", "Spikes and events of a frame"),
    log:
        LOGS / "tabulate_activity.log",
    benchmark:
        BENCHMARKS / "tabulate_activity.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        labels=literal(seeds_of_experiments()),
        code=code("steep.analysis.activity", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-activity --labels {params.labels:q} --activity {input:q} --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule tabulate_energy:
    input:
        activity=RESULTS / "tables/activity.csv",
        published=published("energy-per-event.csv"),
    output:
        **tabulated("energy", "Cost", "Energy of a frame, estimated"),
    log:
        LOGS / "tabulate_energy.log",
    benchmark:
        BENCHMARKS / "tabulate_energy.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        code=code("steep.analysis.energy", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-energy --activity {input.activity:q} --published {input.published:q} --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule tabulate_verdicts:
    input:
        RESULTS / "tables/talk.csv",
    output:
        **tabulated("verdicts", "Results", "Is the talk reproduced?"),
        view=RESULTS / "tables/verdicts-view.csv",
        answer=RESULTS / "tables/answer.txt",
        note=RESULTS / "tables/verdicts-note.txt",
        landing=RESULTS / "tables/landing-verdicts.rst",
        landing_answer=RESULTS / "tables/landing-answer.rst",
    log:
        LOGS / "tabulate_verdicts.log",
    benchmark:
        BENCHMARKS / "tabulate_verdicts.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        study=literal({key: config[key] for key in ("experiments", "datasets", "evaluation") if key in config}),
        code=code("steep.analysis.verdicts", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-verdicts --study {params.study:q} --talk {input:q} --csv {output.csv:q} --html {output.html:q} --view {output.view:q} --answer {output.answer:q} --note {output.note:q} --landing {output.landing:q} --landing-answer {output.landing_answer:q} 2>&1 | tee -i {log:q}"


rule tabulate_effects:
    input:
        RESULTS / "tables/accuracy.csv",
    output:
        **tabulated("effects", "Results", "What each change does"),
        view=RESULTS / "tables/effects-view.csv",
        note=RESULTS / "tables/effects-note.txt",
        landing=RESULTS / "tables/landing-effects.rst",
    log:
        LOGS / "tabulate_effects.log",
    benchmark:
        BENCHMARKS / "tabulate_effects.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        study=literal(
            {
                key: config[key]
                for key in ("experiments", "networks", "datasets", "evaluation", "baseline")
                if key in config
            },
            sort=False,
        ),
        code=code("steep.analysis.effects", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep tabulate-effects --study {params.study:q} --accuracy {input:q} --csv {output.csv:q} --html {output.html:q} --view {output.view:q} --note {output.note:q} --landing {output.landing:q} 2>&1 | tee -i {log:q}"


rule record_traces:
    input:
        figures(),
        pages(),
    output:
        **tabulated("traces", "Provenance", "From every figure and table back to its files"),
    log:
        LOGS / "record_traces.log",
    benchmark:
        BENCHMARKS / "record_traces.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(1000),
        runtime=minutes(1),
    params:
        code=code("steep.trace", "steep.analysis.render"),
    shell:
        "STEEP_JOB=tables python -m steep record-traces --results {input:q} --csv {output.csv:q} --html {output.html:q} 2>&1 | tee -i {log:q}"


rule summarize_study:
    input:
        figures=figures(),
        tables=[*pages(), RESULTS / "tables/traces.html", *views()],
        texts=texts(),
    output:
        markdown=RESULTS / "summary.md",
        html=RESULTS / "summary.html",
        latex=[view.with_suffix(".tex") for view in views()],
    log:
        LOGS / "summarize_study.log",
    benchmark:
        BENCHMARKS / "summarize_study.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(2),
    params:
        study=literal({key: config[key] for key in ("title", "remarks") if key in config}),
        code=code("steep.analysis.summary"),
    shell:
        "STEEP_JOB=summary python -m steep summarize-study --config {params.study:q} --figures {input.figures:q} --tables {input.tables:q} --texts {input.texts:q} --markdown {output.markdown:q} --html {output.html:q} --latex {output.latex:q} 2>&1 | tee -i {log:q}"
