# Data sets and encodings. Test frames go into files of their own: no training job ever opens them.


rule fetch_dataset:
    output:
        train=RESULTS / "datasets/{dataset}/train.npz",
        validation=RESULTS / "datasets/{dataset}/validation.npz",
        test=RESULTS / "datasets/{dataset}/test.npz",
    log:
        LOGS / "{dataset}/fetch_dataset.log",
    benchmark:
        BENCHMARKS / "{dataset}/fetch_dataset.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(30),
        # A resource and not a parameter, because where data come from does not change what they are.
        mirrors=literal([str(OWN / folder) for folder in config.get("mirrors", [])]),
    params:
        source=lambda wildcards: config["datasets"][wildcards.dataset]["source"],
        validation=lambda wildcards: config["datasets"][wildcards.dataset]["validation"],
        cache=DOWNLOADS,
        code=code("steep.datasets"),
    shell:
        "STEEP_JOB={wildcards.dataset} python -m steep fetch-dataset --source {params.source:q} --validation {params.validation}"
        " --cache {params.cache:q} --mirrors {resources.mirrors:q}"
        " --train {output.train:q} --validation-frames {output.validation:q} --test {output.test:q} 2>&1 | tee -i {log:q}"


rule encode_frames:
    input:
        expand(RESULTS / "datasets/{{dataset}}/{split}.npz", split=SPLITS),
    output:
        expand(RESULTS / "frames/{{dataset}}/{{encoding}}/{split}.npz", split=SPLITS),
    log:
        LOGS / "{dataset}/{encoding}/encode_frames.log",
    benchmark:
        BENCHMARKS / "{dataset}/{encoding}/encode_frames.tsv"
    conda:
        "../envs/steep.yaml"
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(10),
    params:
        encoding=lambda wildcards: as_json(config["encodings"][wildcards.encoding]),
        code=code("steep.encodings", "steep.frames"),
    shell:
        "STEEP_JOB={wildcards.dataset}-{wildcards.encoding} python -m steep encode-frames --encoding {params.encoding:q}"
        " --images {input:q} --frames {output:q} 2>&1 | tee -i {log:q}"
