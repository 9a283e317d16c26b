"""Verbs that train: the original network, its control, the sharpened network, the population code."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from steep.cli.verbs import In, OptionalIn, Out, group
from steep.sharpening import SHARPENING_ONLY
from steep.study.options import part

if TYPE_CHECKING:
    from steep.networks import DeepNetwork

verb = group("Training")


def write_results(
    output: Path, history: Path, network: "DeepNetwork", rows: list[dict[str, float]], checkpoint: Path | None
) -> None:
    """Write what a training gave: the history, the network, which is last; then its checkpoint is of no more use."""
    import pandas as pd

    from steep.files import write_text
    from steep.network_file import save_network
    from steep.resume import finish

    write_text(history, pd.DataFrame(rows).to_csv(index=False))
    save_network(output, network.tensors(), network.spec)
    finish(checkpoint)


@verb
def train_original(
    layers: Annotated[list[dict[str, Any]], part("networks.*.layers")],
    recipe: Annotated[dict[str, Any], part("recipes.*.original")],
    seed: int,
    train: In,
    validation: In,
    output: Out,
    history: Out,
    checkpoint: OptionalIn = None,
) -> None:
    """Train a network with its ordinary activation.

    Parameters
    ----------
    layers : the layers but the output, as the config writes them
    recipe : how it is trained, as the config writes it
    output : the network, as safetensors

    """
    from steep.frames import Frames
    from steep.recipes import OriginalRecipe
    from steep.training import train_original as train_network

    frames = Frames.load(train)
    spec = {
        "input_shape": list(frames.shape),
        "full_scale": frames.full_scale,
        "layers": layers,
        "classes": frames.classes,
        "activation": recipe["activation"],
        "batch_normalization": recipe["batch_normalization"],
    }
    network, rows = train_network(spec, OriginalRecipe.of(recipe), frames, Frames.load(validation), seed, checkpoint)
    write_results(output, history, network, rows, checkpoint)


@verb
def continue_original(
    original: In,
    recipe: Annotated[dict[str, Any], part("recipes.*.sharpening", without=SHARPENING_ONLY)],
    seed: int,
    train: In,
    validation: In,
    output: Out,
    history: Out,
    checkpoint: OptionalIn = None,
) -> None:
    """Train an original network on as long as sharpening takes, without sharpening: the control.

    Parameters
    ----------
    recipe : sharpening's, as the config writes it, without what only sharpening has
    output : the network, as safetensors

    """
    from steep.frames import Frames
    from steep.network_file import load_network
    from steep.recipes import TrainingRecipe
    from steep.training import continue_original as train_on

    tensors, spec = load_network(original)
    network, rows = train_on(
        tensors, spec, TrainingRecipe.of(recipe), Frames.load(train), Frames.load(validation), seed, checkpoint
    )
    write_results(output, history, network, rows, checkpoint)


@verb
def sharpen_network(
    original: In,
    recipe: Annotated[dict[str, Any], part("recipes.*.sharpening")],
    seed: int,
    train: In,
    validation: In,
    output: Out,
    history: Out,
    activations: Out,
    checkpoint: OptionalIn = None,
    teacher: OptionalIn = None,
) -> None:
    """Train on from an original network until its units are steps.

    Parameters
    ----------
    recipe : how it is sharpened, as the config writes it
    output : the network, as safetensors
    activations : histograms of the activations at each epoch, as NPZ
    teacher : the network whose answers are learnt besides the labels, where the recipe names one

    """
    from steep.files import write_npz
    from steep.frames import Frames
    from steep.network_file import load_network
    from steep.recipes import SharpeningRecipe
    from steep.sharpening.training import sharpen

    tensors, spec = load_network(original)
    answers = load_network(teacher)[0] if teacher else None
    network, rows, histograms = sharpen(
        tensors,
        spec,
        SharpeningRecipe.of(recipe),
        Frames.load(train),
        Frames.load(validation),
        seed,
        checkpoint,
        answers,
    )
    write_npz(activations, histograms)
    write_results(output, history, network, rows, checkpoint)


@verb
def train_population(
    network: In,
    recipe: Annotated[dict[str, Any], part("recipes.*.population")],
    seed: int,
    train: In,
    validation: In,
    output: Out,
    history: Out,
    checkpoint: OptionalIn = None,
) -> None:
    """Train an N-hot population code on the spikes of a threshold network's last hidden layer.

    Parameters
    ----------
    recipe : how it is trained, as the config writes it
    output : the population code, as safetensors

    """
    from steep.frames import Frames
    from steep.population import train_population as train_code
    from steep.recipes import PopulationRecipe
    from steep.simulators.torch_threshold import last_hidden_frames
    from steep.threshold.network import ThresholdNetwork
    from steep.threshold.readouts import output_weights

    whole = ThresholdNetwork.load(network)
    output_layer, _ = output_weights(whole)
    hidden = [last_hidden_frames(whole, Frames.load(path)) for path in (train, validation)]
    chosen = PopulationRecipe.of(recipe)
    start = output_layer if chosen.start == "output" else None
    population, rows = train_code(hidden[0], hidden[1], chosen, seed, checkpoint, start)
    write_results(output, history, population, rows, checkpoint)
