"""ProtoAoA: angles as classes, most of which no episode has shown; the figures of one seed."""

from __future__ import annotations

import numpy as np

from radiofm_models.protobeam.blocks import Blocks
from radiofm_models.protobeam.densenet import DenseNet
from radiofm_models.protobeam.episodes import train_by_episodes
from radiofm_models.protobeam.evaluation import (
    Vectors,
    angle_errors,
    computed,
    covariances,
    middle_angle,
    settle,
)
from radiofm_models.protobeam.inputs import IqInputs
from radiofm_models.protobeam.recipe import AngleRecipe
from radiofm_models.protobeam.runs import Figures, Runs


class AngleRuns(Runs[AngleRecipe]):
    """Tested on blocks of all angles, in sessions that were not trained on."""

    def trained(self) -> Figures:
        """By episodes of the angles that are trained on."""
        network, train = self.network(), self.material.train
        train_by_episodes(
            network, IqInputs(train.iq, True, True), train.classes, self.recipe.episodes, True,
            self.seed, self.folder / "angles",
            {"network": self.recipe.network.model_dump(mode="json")}, "angle of arrival",
        )  # fmt: skip
        return self._errors(self._embed(network), True)

    def untrained(self) -> Figures:
        """The network as it is drawn, but for its norms' statistics."""
        network, train = self.network(), self.material.train
        settle(network, IqInputs(train.iq, True, True), len(train), self.seed)
        return self._errors(self._embed(network), False)

    def covariance(self) -> Figures:
        """The channels' covariance for an embedding, nothing learnt."""
        return self._errors(covariances(self._test), False)

    def middle(self) -> Figures:
        """The middle angle, whatever is heard."""
        return middle_angle(self._test, self._taught)

    @property
    def _test(self) -> Blocks:
        (blocks,) = self.material.other.values()
        return blocks

    @property
    def _taught(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.unique(self.material.train.classes)

    def _embed(self, network: DenseNet) -> Vectors:
        inputs = IqInputs(self._test.iq, True, False)
        return computed(network, inputs, len(self._test), network)

    def _errors(self, embeddings: Vectors, normalise_prototypes: bool) -> Figures:
        figures: Figures = {}
        for shots in self.recipe.shots:
            figures |= angle_errors(
                embeddings, self._test, shots, self._taught, normalise_prototypes
            )
        return figures
