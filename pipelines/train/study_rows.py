"""The rows of the lab's comparisons: what each of them trains."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

EDGES_SHARE = 1 / 3  # of EdgeConnect's budget that its edge generator gets
# Where networks or data are compared, and not their losses.
L1_ALONE = {"loss.adversarial": "0", "loss.feature_matching": "0"}
GAN_LOSSES = ("hinge", "log", "least_squares", "relativistic")
GAN_WEIGHT = "0.5"  # the gradient of a trained GAN is then a good quarter of L1's: enough to see what it does
FEATURES: dict[str, dict[str, str]] = {
    "": {},
    "+perceptual": {"loss.perceptual": "0.1"},
    "+perceptual+style": {"loss.perceptual": "0.1", "loss.style": "0.1"},
}


@dataclass(frozen=True)
class Row:
    """One network to train: the folder's name, the recipe, what differs from it, the row whose edges it takes, the row
    whose weights it begins with, and whose discriminator where both have one, whether it learns from the study's
    teacher, and how often it is trained, each time with another seed (after a row with as many: from the same one)."""

    name: str
    recipe: str
    overrides: Mapping[str, str] = field(default_factory=dict)
    budget_share: float = 1.0
    edges: str = ""
    after: str = ""
    scored: bool = True
    distilled: bool = False
    seeds: int = 1

    @property
    def runs(self) -> list[str]:
        """The folders' names: one for each seed."""
        return [self.name] if self.seeds == 1 else [f"{self.name}-{seed + 1}" for seed in range(self.seeds)]


# The ladder's networks, from the paper's own down; nothing but these differs from the recipe "small".
LADDER_TOP = {"full-256": 256, "full-128": 128}  # the teacher, by the side in pixels that it is shown
LADDER: dict[str, tuple[dict[str, str], int]] = {  # name: what differs, and how many seeds
    "grouped": ({"network.conv": "grouped", "network.channels": "48"}, 1),
    "separable-48": ({"network.channels": "48"}, 3),
    "separable-24": ({}, 3),
}
# Every network is trained in three stages, the teacher beside it where it has one: small pictures, which cost a
# quarter, then those it is scored on, then a slow end, which takes away the last steps' noise.
STAGES: list[dict[str, str]] = [
    {"data.size_px": "64", "data.batch": "16"},
    {"run.learning_rate": "1e-3"},  # a third of the first one's
    {"run.learning_rate": "2e-4", "run.discriminator_learning_rate": "2e-5"},  # a fifth of the second one's
]
FIRST_SHARE, LAST_SHARE = 5 / 3, 0.4  # of the second stage's steps
SEEN = {"distill.perceptual": "1.0"}  # the teacher's pictures, as VGG16 sees them
# Beside a teacher, a discriminator of photos, for the texture that its pictures do not settle: without one it only
# harms (table 6). The slow end takes over the second stage's.
JUDGED = {"loss.gan": "relativistic", "loss.adversarial": "0.3"}
TAUGHT: list[dict[str, str]] = [SEEN, {**SEEN, **JUDGED}, {**SEEN, **JUDGED, "loss.adversarial": "0.2"}]


def ladder_rows(name: str, settings: Mapping[str, str], seeds: int) -> list[Row]:
    """Plain and distilled: the first stage, once, and the two that go on from it, once for each seed."""
    rows = []
    for kind, taught in ((name, [{}, {}, {}]), (f"{name}-distilled", TAUGHT)):
        first, second, last = ({**settings, **one, **more} for one, more in zip(STAGES, taught, strict=True))
        small, large = f"{kind}-64", f"{kind}-128"
        stages = (
            Row(small, "small", first, FIRST_SHARE, scored=False),
            Row(large, "small", second, after=small, scored=False, seeds=seeds),
            Row(kind, "small", last, LAST_SHARE, after=large, seeds=seeds),
        )
        rows += [replace(row, distilled=taught is TAUGHT) for row in stages]
    return rows


FEATURE = {"distill.features": "0.1", "distill.attention": "0.1"}
RELATION = {**FEATURE, "distill.relation": "1.0"}
TRANSFERS: dict[str, dict[str, str]] = {
    "output": {},  # the recipe "small"
    "+feature": FEATURE,
    "+relation": RELATION,
    "+perceptual": {**RELATION, **SEEN},
    "output+perceptual": SEEN,
    "output+perceptual+adversarial": TAUGHT[1],  # the ladder's second stage
}

STUDIES: dict[str, list[Row]] = {
    "networks": [
        Row("gated", "gated", L1_ALONE),
        Row("partial", "partial", L1_ALONE),
        Row("lbam", "lbam", L1_ALONE),
        Row("edges", "edgeconnect-edges", L1_ALONE, EDGES_SHARE, scored=False),
        Row("edgeconnect", "edgeconnect", L1_ALONE, 1 - EDGES_SHARE, edges="edges"),
    ],
    "gan": [
        Row(gan + more, "gated", {"loss.gan": gan, "loss.adversarial": GAN_WEIGHT, **features})
        for gan in GAN_LOSSES
        for more, features in FEATURES.items()
    ],
    "attack": [
        # The network that paints known pixels best: only there do strips of a person show.
        Row("plain", "partial", {"data.attack_share": "0.0"}),
        Row("hardened", "partial", {"data.attack_share": "0.5"}),
    ],
    "ladder": [
        row for name, (settings, seeds) in LADDER.items() for row in ladder_rows(name, settings, seeds)
    ],
    "distill": [
        # At the rate of the ladder's second stage, with the weights of whose first one they begin.
        Row("plain", "small", STAGES[1]),
        # VGG16 alone can help, too, without a teacher.
        Row("plain+perceptual", "small", {**STAGES[1], "loss.perceptual": "1.0"}),
        *(Row(name, "small", {**STAGES[1], **more}, distilled=True) for name, more in TRANSFERS.items()),
    ],
}
