# What the report shows: names, captions and headings of figures and tables.


def titled(wildcards):
    """The heading of a figure: network, experiment."""
    return titles()[wildcards.experiment]


def study_category(wildcards):
    """The report's category of a study."""
    return "STPU" if wildcards.study == "stpu" else "Method"


def study_result(wildcards):
    """What a study's table is called in the report."""
    names = {
        "stpu": "Accuracy against leak, spacing and faults",
        "bits": "Accuracy against bits of the weights",
        "margins": "Units near their thresholds, seed by seed",
    }
    return names[wildcards.study]


def item(path, category, **labels):
    """A file as an item of the report; the caption is named as the file is, up to its wildcard. Labels may be functions
    of the wildcards."""
    caption = Path(path).stem.split("-{")[0]
    return report(
        RESULTS / path,
        caption=f"../report/{caption}.rst",
        category=category,
        labels=lambda wildcards: {key: value(wildcards) if callable(value) else value for key, value in labels.items()},
    )


def drawn(figure, category, result, **which):
    """A figure, as output and item of the report; `which`: of several of its kind."""
    return item(f"figures/{figure}.svg", category, result=result, **which)


def tabulated(table, category, result):
    """The outputs `csv` and `html` of a table, both items of the report."""
    return {
        "csv": item(f"tables/{table}.csv", category, result=result, which="CSV"),
        "html": item(f"tables/{table}.html", category, result=result, which="table"),
    }


def few_filters(key):
    """Whether the experiment's network begins with a convolution of at most three filters, which fit in one picture."""
    first = config["networks"][config["experiments"][key]["network"]]["layers"][0]
    return first["kind"] == "conv" and first["filters"] <= 3


def figures():
    """Every figure of the study."""
    per_experiment = [
        "convergence",
        "sharpening",
        "bits",
        "layers",
        "pipeline",
        "feature-maps",
        "mistakes",
        "confusion",
    ]
    names = ["overview", "transfer", "sigmoid", "activity", "energy", *EFFECTS]
    names += expand("conversion-{dataset}", dataset=config["datasets"])
    names += expand("{figure}-{experiment}", figure=per_experiment, experiment=config["experiments"])
    names += expand("aggregate-{experiment}", experiment=filter(few_filters, config["experiments"]))
    if STPU:
        names += ["responses"]
        names += expand("{figure}-{experiment}", figure=["leak", "robustness", "layout"], experiment=STUDIED)
    names += expand("benchmark-{benchmark}", benchmark=[name for name in BENCHMARKED if name != "training"])
    return [RESULTS / f"figures/{name}.svg" for name in names]


def tables():
    """Names of the tables that have a page and a CSV twin."""
    names = ["verdicts", "talk", "accuracy", "backends", "margins", "activity", "energy", "costs", "provenance"]
    names += ["study-bits", "study-margins", *(["stpu", "study-stpu"] if STPU else [])]
    return [*names, *EFFECTS, *expand("benchmark-{benchmark}", benchmark=BENCHMARKED)]


def others():
    """Every figure and every table but that of the provenance, which comes last."""
    return [*figures(), *[RESULTS / f"tables/{name}.csv" for name in tables() if name != "provenance"]]


def pages():
    """The pages of all tables but of the traces, which speak of the others."""
    return [RESULTS / f"tables/{name}.html" for name in tables()]


def views():
    """The tables as text for people, from which summaries are made."""
    return [RESULTS / f"tables/{name}-view.csv" for name in ("verdicts", "talk", *EFFECTS)]


def texts():
    """The words beside them."""
    notes = [f"{name}-note" for name in ("verdicts", "talk", *EFFECTS)]
    return [RESULTS / f"tables/{name}.txt" for name in ("answer", *notes, "repeat")]


def titles():
    """The headings of the experiments, by key."""
    return {
        key: f"{config['networks'][entry['network']]['title']}, {key}" for key, entry in config["experiments"].items()
    }


def ways_of_sharpening():
    """Shape and surrogate slope of the sharpening in use, each pair once, by the titles of the networks sharpened so; by
    the recipes' names where a network is sharpened in several ways."""
    networks, recipes = {}, {}
    for entry in config["experiments"].values():
        sharpening = config["recipes"][entry["recipe"]]["sharpening"]
        way = (sharpening["shape"], sharpening["surrogate_slope"])
        networks.setdefault(way, set()).add(config["networks"][entry["network"]]["title"])
        recipes.setdefault(way, set()).add(entry["recipe"])
    alike = sum(map(len, networks.values())) > len(set().union(*networks.values()))
    return {", ".join(sorted(names)): way for way, names in (recipes if alike else networks).items()}
