# Every figure and every table has its rule, made from its entry in src/steep/study/catalogue.py. The rest of the command is
# a parameter: a shell line is evaluated when the job runs, and the loop's variable has moved on by then.


for entry in FIGURES:

    rule:
        name:
            entry.rule
        input:
            **made_from(entry),
        output:
            figure(entry),
        log:
            LOGS / f"{entry.place}.log",
        benchmark:
            BENCHMARKS / f"{entry.place}.tsv"
        group:
            "tables"
        conda:
            "../envs/steep.yaml"
        resources:
            mem_mb=attempts(entry.memory_MB),
            runtime=attempts(entry.minutes),
        params:
            words=words(entry),
            generated=generated(entry),
            reads=reads(entry),
            code=code(entry.verb),
        shell:
            "STEEP_JOB=figures python -m steep {params.words} {params.reads} --output {output:q} 2>&1 | tee -i {log:q}"


for entry in TABLES:

    rule:
        name:
            entry.rule
        input:
            **made_from(entry),
        output:
            **tabulated(entry.stem, entry.chapter, entry.heading),
            **{name: RESULTS / "tables" / file for name, file in entry.also.items()},
        log:
            LOGS / f"{entry.place}.log",
        benchmark:
            BENCHMARKS / f"{entry.place}.tsv"
        group:
            "tables"
        conda:
            "../envs/steep.yaml"
        resources:
            mem_mb=attempts(entry.memory_MB),
            runtime=attempts(entry.minutes),
        params:
            words=words(entry),
            generated=generated(entry),
            reads=reads(entry),
            also=also(entry),
            code=code(entry.verb),
        shell:
            "STEEP_JOB=tables python -m steep {params.words} {params.reads} --csv {output.csv:q} --html {output.html:q} {params.also}"
            " 2>&1 | tee -i {log:q}"


# What is remade later than this table would be another commit's.
rule record_provenance:
    input:
        all_of(FIGURES, "figures/{}.svg"),
        all_of(TABLES, "tables/{}.csv"),
        files=[*STUDY.datasets_used(), *expand(RESULTS / "tables/{name}.csv", name=["accuracy", "talk", "comparisons"])],
    output:
        **tabulated("provenance", PROVENANCE, "Provenance"),
        config=item("tables/config.yaml", PROVENANCE, result="The config, whole", which="YAML"),
        repeat=RESULTS / "tables/repeat.txt",
    log:
        LOGS / "record_provenance.log",
    benchmark:
        BENCHMARKS / "record_provenance.tsv"
    group:
        "tables"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(1000),
        runtime=attempts(2),
    params:
        study=literal(config, ordered=True),
        code=code("record-provenance"),
    shell:
        command("record-provenance", "tables")


rule record_traces:
    input:
        results=[
            *all_of(FIGURES, "figures/{}.svg"),
            *all_of(TABLES, "tables/{}.html"),
            RESULTS / "tables/provenance.html",
        ],
    output:
        **tabulated("traces", PROVENANCE, "From every figure and table back to its files"),
    log:
        LOGS / "record_traces.log",
    benchmark:
        BENCHMARKS / "record_traces.tsv"
    group:
        "tables"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(1000),
        runtime=attempts(1),
    params:
        code=code("record-traces"),
    shell:
        command("record-traces", "tables")


rule summarize_study:
    input:
        figures=all_of(FIGURES, "figures/{}.svg"),
        tables=[
            *all_of(TABLES, "tables/{}.html"),
            *expand(RESULTS / "tables/{name}.html", name=["provenance", "traces"]),
            *all_of(VIEWED, "tables/{}-view.csv"),
        ],
        texts=[
            *all_of(VIEWED, "tables/{}-note.txt"),
            *expand(RESULTS / "tables/{name}.txt", name=["answer", "repeat"]),
        ],
    output:
        markdown=RESULTS / "summary.md",
        html=RESULTS / "summary.html",
        latex=all_of(VIEWED, "tables/{}-view.tex"),
    log:
        LOGS / "summarize_study.log",
    benchmark:
        BENCHMARKS / "summarize_study.tsv"
    group:
        "tables"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=attempts(2000),
        runtime=attempts(2),
    params:
        config=literal(STUDY.chosen("title", "remarks")),
        code=code("summarize-study"),
    shell:
        command("summarize-study", "summary")
