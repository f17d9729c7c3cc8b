"""Table I, and the baselines that it needs to be read by: the figures of one seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from radiofm_models.data import Indices
from radiofm_models.protobeam.blocks import Blocks
from radiofm_models.protobeam.densenet import DenseNet
from radiofm_models.protobeam.encoder import Pictures, embedding_of
from radiofm_models.protobeam.episodes import EpisodeRecipe, train_by_episodes, train_supervised
from radiofm_models.protobeam.evaluation import (
    Vectors,
    accuracies,
    computed,
    most_frequent,
    settle,
    without_shots,
)
from radiofm_models.protobeam.inputs import IqInputs, min_max
from radiofm_models.protobeam.recipe import BeamRecipe, EncoderRecipe
from radiofm_models.protobeam.runs import Figures, Runs
from radiofm_models.protobeam.supervised import Classifier, cnn


@dataclass(frozen=True)
class SetUp:
    """A row of Table I: what is switched on."""

    normalise: bool
    augment: bool
    prototypes: bool  # are normalised


TABLE_I = {
    "no normalisation, no augmentation": SetUp(False, False, False),
    "data normalisation": SetUp(True, False, False),
    "data normalisation and augmentation": SetUp(True, True, False),
    "data and prototype normalisation, augmentation": SetUp(True, True, True),
}
WHOLE = SetUp(True, True, True)


class BeamRuns(Runs[BeamRecipe]):
    """Tested on other blocks of the antennas that were trained on, and on other antennas."""

    def protobeam(self, name: str) -> Figures:
        """The row `name` of Table I."""
        setup, network, train = TABLE_I[name], self.network(), self.material.train
        train_by_episodes(
            network, _inputs(train, setup), train.classes, self.recipe.episodes, setup.prototypes,
            self.seed, self.folder / name.replace(", ", "-").replace(" ", "-"),
            {"network": self.recipe.network.model_dump(mode="json")} | vars(setup), name,
        )  # fmt: skip
        return self._few_shots(network, setup)

    def untrained(self) -> Figures:
        """The network as it is drawn, but for its norms' statistics."""
        network, train = self.network(), self.material.train
        settle(network, _inputs(train, WHOLE), len(train), self.seed)
        return self._few_shots(network, SetUp(True, False, False))

    def deepbeam(self) -> tuple[Figures, Figures]:
        """DeepBeam's network, taught to classify."""
        torch.manual_seed(self.seed)
        rows, samples = self.material.train.iq.shape[1:]
        features = cnn(self.recipe.cnn, rows, samples)
        return self._supervised("deepbeam", features, self.recipe.cnn.dense, self.recipe.supervised)

    def supervised(self) -> tuple[Figures, Figures]:
        """ProtoBeam's network, taught to classify, in as many steps as by episodes."""
        network = self.network()
        return self._supervised("classes", network, self.recipe.network.dim, self.recipe.episodes)

    def _supervised(
        self, name: str, features: nn.Module, dim: int, recipe: EpisodeRecipe
    ) -> tuple[Figures, Figures]:
        """As a classifier, without a shot; and what the features are worth with some."""
        train = self.material.train
        network = Classifier(features, dim, len(train.labels)).to(self.device)
        config = {"network": self.recipe.network.model_dump(mode="json"),
                  "cnn": self.recipe.cnn.model_dump(mode="json")}  # fmt: skip
        train_supervised(
            network, _inputs(train, WHOLE), train.classes, recipe, self.seed, self.folder / name,
            config, f"{name}, supervised",
        )  # fmt: skip

        def classify(blocks: Blocks) -> Indices:
            logits = computed(network, _inputs(blocks, WHOLE), len(blocks), network)
            return np.asarray(logits.argmax(axis=1), np.int64)

        def embed(blocks: Blocks) -> Vectors:
            return computed(features, _inputs(blocks, WHOLE), len(blocks), network)

        shots = accuracies(embed, self.material, self.recipe.shots, False)
        return without_shots(classify, self.material), shots

    def samples(self) -> Figures:
        """Normalised samples, as they are, for embeddings."""

        def embed(blocks: Blocks) -> Vectors:
            return min_max(blocks.iq).reshape(len(blocks), -1)

        return accuracies(embed, self.material, self.recipe.shots, False)

    def most_frequent(self) -> Figures:
        """The beam that is most frequent in training, whatever is heard."""
        return most_frequent(self.material)

    def encoder(
        self, recipe: EncoderRecipe, pretrained: Path | None
    ) -> tuple[Figures, Figures, Figures]:
        """On spectrograms: their pixels, the frozen encoder, and one trained by episodes."""
        embedding, spec = embedding_of(recipe, pretrained, self.seed)
        embedding.to(self.device)
        train = self.material.train
        pictures = Pictures(spec, train)
        inputs = {id(blocks): pictures(blocks) for blocks in self._tests()}

        def pixels(blocks: Blocks) -> Vectors:
            return inputs[id(blocks)].images.reshape(len(blocks), -1)

        def embed(blocks: Blocks) -> Vectors:
            return computed(embedding, inputs[id(blocks)], len(blocks), embedding)

        shots = self.recipe.shots
        plain = accuracies(pixels, self.material, shots, False)
        frozen = accuracies(embed, self.material, shots, False)
        train_by_episodes(
            embedding, pictures(train), train.classes, recipe.episodes, True, self.seed,
            self.folder / "encoder",
            {"vit": embedding.encoder.config.model_dump(), "spec": spec.model_dump(mode="json"),
             "pretrained": None if pretrained is None else str(pretrained)},
            "encoder",
        )  # fmt: skip
        return plain, frozen, accuracies(embed, self.material, shots, True)

    def _tests(self) -> list[Blocks]:
        return [self.material.same, *self.material.other.values()]

    def _few_shots(self, network: DenseNet, setup: SetUp) -> Figures:
        def embed(blocks: Blocks) -> Vectors:
            return computed(network, _inputs(blocks, setup), len(blocks), network)

        return accuracies(embed, self.material, self.recipe.shots, setup.prototypes)


def _inputs(blocks: Blocks, setup: SetUp) -> IqInputs:
    return IqInputs(blocks.iq, setup.normalise, setup.augment)
