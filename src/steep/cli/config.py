"""Verbs about the config and the state of a study."""

from steep.cli.verbs import Config, group

verb = group("The study")


@verb
def check_config(config: Config) -> None:
    """Check a config file and say what is wrong with it.

    Parameters
    ----------
    config : the config, as YAML or JSON

    """
    from steep.study.config import check_config as check
    from steep.study.config import read_config

    study = read_config(config)
    check(study, str(config))
    print(f"{config}: {len(study['experiments'])} experiments, {len(study['seeds'])} seeds")


@verb
def status(config: Config) -> None:
    """Say which jobs of a study are done, running and left, and about how long they take.

    Parameters
    ----------
    config : the config of the study, which is looked for in the working directory

    """
    from steep.study.status import status as state

    print(state(config))


@verb
def describe_config() -> None:
    """Print every key of the config as a Markdown table."""
    from steep.study.config import describe

    print(describe(), end="")
