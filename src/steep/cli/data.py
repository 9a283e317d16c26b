"""Verbs from data sets to encoded frames."""

import logging
from pathlib import Path
from typing import Annotated, Any

from steep.cli.verbs import Folder, Inputs, Out, Outputs, Texts, group
from steep.shapes import require_pairs
from steep.study.options import part

verb = group("Data")
log = logging.getLogger("steep")


@verb
def fetch_dataset(
    source: str,
    validation: int,
    cache: Folder,
    train: Out,
    validation_frames: Out,
    test: Out,
    mirrors: Texts = (),
) -> None:
    """Fetch, verify and split a data set.

    Parameters
    ----------
    source : the data set, by the name of its source in the config
    validation : number of validation frames, taken from the training frames
    cache : folder for downloads
    train, validation_frames, test : images of each part
    mirrors : folders that are searched before the network is asked, as JSON

    """
    from steep.datasets import load_dataset

    splits = load_dataset(source, validation, [Path(mirror) for mirror in mirrors], cache)
    for name, path in (("train", train), ("validation", validation_frames), ("test", test)):
        splits[name].save(path)
        log.info("%s: %d %s frames", source, len(splits[name]), name)


@verb
def encode_frames(encoding: Annotated[dict[str, Any], part("encodings.*")], images: Inputs, frames: Outputs) -> None:
    """Turn the images of each file into spikes.

    Parameters
    ----------
    encoding : the encoding, as the config writes it
    images : images, as fetch-dataset writes them
    frames : the encoded frames of each, in the same order

    """
    from steep.encodings import encode
    from steep.frames import Frames

    require_pairs(images=images, frames=frames)
    for source, target in zip(images, frames, strict=True):
        encoded = encode(Frames.load(source), encoding)
        encoded.save(target)
        what = "of the inputs spike" if encoded.are_spikes else "of full scale on average"
        log.info(
            "%s: %d frames, %.1f%% %s", target, len(encoded), 100 * encoded.values.mean() / encoded.full_scale, what
        )
