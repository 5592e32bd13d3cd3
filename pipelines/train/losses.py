"""Losses as plain functions. Pictures are (B, 3, H, W) in -1..1, holes (B, 1, H, W) with 1 = missing.

The GAN losses take scores of any shape, of real and of painted pictures, and treat every element alike. `fake` carries
the generator's gradient, or the discriminator's.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def l1(painted: Tensor, truth: Tensor, hole: Tensor, known_weight: float) -> Tensor:
    """Mean absolute error over hole pixels, plus `known_weight` times that over known ones."""
    return hole_and_known((painted - truth).abs().mean(dim=1, keepdim=True), hole, known_weight)


def hole_and_known(errors: Tensor, hole: Tensor, known_weight: float) -> Tensor:
    """The mean of errors (B, 1, H, W) over the hole, likewise, plus `known_weight` times that over the rest."""
    known = 1 - hole
    in_hole = (errors * hole).sum() / hole.sum().clamp_min(1)
    return in_hole + known_weight * (errors * known).sum() / known.sum().clamp_min(1)


# --- GAN


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Yu et al., ICCV 2019, equation 2."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator(real: Tensor, fake: Tensor) -> Tensor:
    """Yu et al., ICCV 2019, equation 2. Real scores do not matter."""
    return -fake.mean()


def log_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-log s(real) - log(1 - s(fake)), s the sigmoid (Goodfellow et al., NIPS 2014, equation 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def log_generator(real: Tensor, fake: Tensor) -> Tensor:
    """-log s(fake), the form that does not saturate (NIPS 2014, section 3). Real scores do not matter."""
    return F.softplus(-fake).mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Mao et al., "Least Squares Generative Adversarial Networks", ICCV 2017, equation 9."""
    return 0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean()


def least_squares_generator(real: Tensor, fake: Tensor) -> Tensor:
    """ICCV 2017, equation 9. Real scores do not matter."""
    return 0.5 * ((fake - 1) ** 2).mean()


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Is a real picture more real than the average painted one, and the other way round? (Jolicoeur-Martineau, "The
    Relativistic Discriminator", ICLR 2019, section 4.2, RaSGAN.)"""
    return F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean()


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss with real and painted exchanged (ICLR 2019, section 4.2)."""
    return relativistic_discriminator(fake, real)


GanLoss = Callable[[Tensor, Tensor], Tensor]  # (real scores, fake scores) -> loss
GAN_LOSSES: dict[str, tuple[GanLoss, GanLoss]] = {  # name: of the discriminator, of the generator
    "hinge": (hinge_discriminator, hinge_generator),
    "log": (log_discriminator, log_generator),
    "least_squares": (least_squares_discriminator, least_squares_generator),
    "relativistic": (relativistic_discriminator, relativistic_generator),
}

# --- features of frozen networks, and of the discriminator


def feature_distance(painted: list[Tensor], truth: list[Tensor]) -> Tensor:
    """Mean L1 between two lists of maps, relative to each map's own mean, summed over the maps.

    Relative, because the scales of layers differ tenfold, and between weight files even more.
    """
    pairs = [(p.float(), t.float()) for p, t in zip(painted, truth, strict=True)]
    distances = [(p - t).abs().mean() / t.abs().mean().clamp_min(1e-6) for p, t in pairs]
    return torch.stack(distances).sum()


def perceptual(painted: list[Tensor], truth: list[Tensor]) -> Tensor:
    """Distance of a frozen network's features (Johnson et al., ECCV 2016, section 3.2).

    painted, truth: one (B, C, H, W) a layer. The paper squares the differences; L1 forgives a few large ones.
    """
    return feature_distance(painted, truth)


def style(painted: list[Tensor], truth: list[Tensor]) -> Tensor:
    """Distance of the features' Gram matrices: which features appear together, wherever that is (ECCV 2016, section
    3.2). painted, truth: one (B, C, H, W) a layer."""
    return feature_distance([gram(p) for p in painted], [gram(t) for t in truth])


def gram(features: Tensor) -> Tensor:
    """Products of all pairs of feature maps (B, C, H, W), summed over places: (B, C, C), divided by C H W."""
    _, channels, height, width = features.shape
    flat = features.float().flatten(2)
    with torch.autocast(
        features.device.type, enabled=False
    ):  # rounded sums of this length would drown the style
        return flat @ flat.transpose(1, 2) / (channels * height * width)


def feature_matching(painted: list[Tensor], truth: list[Tensor]) -> Tensor:
    """Distance of the discriminator's own features, its scores left out (Nazeri et al., ICCVW 2019, equation 3)."""
    return feature_distance(painted[:-1], [t.detach() for t in truth[:-1]])


# --- edges


def balanced_cross_entropy(drawn: Tensor, edges: Tensor, hole: Tensor, known_weight: float) -> Tensor:
    """Cross-entropy of edge probabilities in which edges and the much larger rest weigh the same (Xie and Tu,
    "Holistically-Nested Edge Detection", ICCV 2015, equation 2), over hole pixels plus `known_weight` times known ones.

    drawn, edges, hole: (B, 1, H, W) in 0..1.
    """
    drawn = drawn.float().clamp(1e-6, 1 - 1e-6)
    entropy = -(edges * drawn.log() + (1 - edges) * (1 - drawn).log())
    total = entropy.new_zeros(())
    for weight, where in ((1.0, hole), (known_weight, 1 - hole)):
        for kind in (edges * where, (1 - edges) * where):
            total = total + 0.5 * weight * (entropy * kind).sum() / kind.sum().clamp_min(1)
    return total


# --- looks, likeness and colours

VARIANCE_POWER = 0.5  # the lower, the less those places count in which nothing is to be told
RESEMBLANCE = 0.15  # squared distance of features at which a place is e times less right than the same again
LOOKS_SHARE = 0.7  # of looks among the features
SURE_ENOUGH = 0.02  # squared error of colours below which little is gained: texture alone is as far off


def unlikelihood(expected: Tensor, wanted: Tensor, hole: Tensor, known_weight: float) -> Tensor:
    """How unlikely something is by what was expected: Gaussian negative log-likelihood, each value weighed by a power
    of its variance (Seitzer et al., "On the Pitfalls of Heteroscedastic Uncertainty Estimation with Probabilistic
    Neural Networks", ICLR 2022, equation 5), over hole cells plus `known_weight` times known ones.

    expected: (B, 2 C, h, w), means and logarithms of variances; wanted: (B, C, h, w); hole: (B, 1, h, w) in 0..1.
    """
    means, log_variances = expected.float().chunk(2, dim=1)
    unlikely = 0.5 * ((means - wanted).square() * torch.exp(-log_variances) + log_variances)
    weighed = unlikely * torch.exp(VARIANCE_POWER * log_variances.detach())
    return hole_and_known(weighed.mean(dim=1, keepdim=True), hole, known_weight)


def likeness_features(maps: list[Tensor], looks: Tensor) -> Tensor:
    """What places are compared by: (B, C, h, w), one for every cell.

    maps: VGG16's, the finest first, each vector brought to length 1 (Zhang et al., "The Unreasonable Effectiveness of
    Deep Features as a Perceptual Metric", CVPR 2018, section 3.1); looks: (B, LOOKS, h, w), see
    `effect.inpaint.nets.looks`.
    """
    cells = (looks.shape[2], looks.shape[3])
    units = [F.adaptive_avg_pool2d(F.normalize(one.float(), dim=1), cells) for one in maps]
    return torch.cat([*units, LOOKS_SHARE * looks], dim=1)


def unlikeness(queries: Tensor, keys: Tensor, features: Tensor, hole: Tensor, hidden: Tensor) -> Tensor:
    """How badly queries tell which known cells resemble the hidden ones: mean cross-entropy.

    queries, keys: (B, D, h, w); features: (B, C, h, w) of the true scene; hole, hidden: (B, 1, h, w), the shares of
    each cell that are missing and that are to be found. Cells that are not missing, but show what is to be hidden, are
    never right.
    """
    between = lambda a, b: torch.einsum("bcl,bcm->blm", a.flatten(2), b.flatten(2))
    with torch.no_grad():
        squares = features.flatten(2).square().sum(dim=1)
        distances = squares[:, :, None] + squares[:, None] - 2 * between(features, features)
        right = (torch.maximum(hole, hidden) == 0).flatten(1)[:, None]
        wanted = torch.softmax((-distances / RESEMBLANCE).masked_fill(~right, -1e4), dim=2)
    offered = (hole == 0).flatten(1)[:, None]
    told = torch.log_softmax(between(queries, keys).masked_fill(~offered, -1e4), dim=2)
    weights = hidden.flatten(1)
    return -((wanted * told).sum(dim=2) * weights).sum() / weights.sum().clamp_min(1e-6)


def log_squares(painted: Tensor, truth: Tensor, hole: Tensor) -> Tensor:
    """How far off broad colours are: the logarithm of each picture's mean squared error over 2 x 2 hole pixels, plus
    SURE_ENOUGH, as PSNR takes it, so that a hopeless picture counts no more than another; the mean of a batch.

    painted, truth: (B, 3, H, W); hole: (B, 1, H, W), 1 = missing.
    """
    share = F.avg_pool2d(hole, 2)
    squares = F.avg_pool2d((painted.float() - truth) * hole, 2).square() / share.clamp_min(1e-4)
    means = squares.mean(dim=1, keepdim=True).sum(dim=(1, 2, 3)) / share.sum(dim=(1, 2, 3)).clamp_min(1e-4)
    return (means + SURE_ENOUGH).log().mean()
