#!/usr/bin/env python3
"""Inception features and the Fréchet distance here against PyTorch, torchvision and SciPy: values and speed, in one run.

    dotnet build -c Release benchmarks/DiMum.Benchmarks
    python3 benchmarks/peers/metrics.py [--images 64] [--pairs 5] [--threads 2]

Needs Debian's python3-torch, python3-torchvision, python3-numpy, python3-scipy (or the same from elsewhere). The weights are random and
seeded, drawn here and read from the same file by both sides. Both sides are timed in turn (ours, theirs, ours, ...), each in a warm process;
ratios are of the medians, by wall time and by the processor time of the process, which other work on the machine moves less (with more than
one thread it counts waiting as well). The peer's network is torchvision's Inception3 with the three changes by which pytorch-fid makes FID's network of it,
written after its description; the peer's distance is pytorch-fid's formula, scipy.linalg.sqrtm of the product.
"""
import argparse
import os
import statistics
import sys
import tempfile

import numpy as np
import scipy.linalg
import torch
import torch.nn.functional as F
from torchvision.models import inception as tv
from torchvision.models import resnet34

from peer import Ours, timed

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = os.path.join(HERE, "..", "DiMum.Benchmarks", "bin", "Release", "net10.0", "DiMum.Benchmarks.dll")


def average(x):
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


class BlockA(tv.InceptionA):
    def _forward(self, x):
        a = self.branch5x5_2(self.branch5x5_1(x))
        b = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return [self.branch1x1(x), a, b, self.branch_pool(average(x))]


class BlockC(tv.InceptionC):
    def _forward(self, x):
        a = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        b = self.branch7x7dbl_1(x)
        for layer in (self.branch7x7dbl_2, self.branch7x7dbl_3, self.branch7x7dbl_4, self.branch7x7dbl_5):
            b = layer(b)
        return [self.branch1x1(x), a, b, self.branch_pool(average(x))]


class BlockE(tv.InceptionE):
    pool = staticmethod(average)

    def _forward(self, x):
        a, b = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return [
            self.branch1x1(x),
            torch.cat([self.branch3x3_2a(a), self.branch3x3_2b(a)], 1),
            torch.cat([self.branch3x3dbl_3a(b), self.branch3x3dbl_3b(b)], 1),
            self.branch_pool(self.pool(x)),
        ]


class BlockELast(BlockE):
    pool = staticmethod(lambda x: F.max_pool2d(x, 3, stride=1, padding=1))


def seeded(net):
    generator = torch.Generator().manual_seed(1)
    for name, value in net.state_dict().items():
        if value.dim() > 1:
            value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
        elif "running_var" in name or (name.endswith("weight") and value.dim() == 1):
            value.uniform_(0.9, 1.1, generator=generator)
        elif value.dim() == 1:
            value.normal_(0, 0.1, generator=generator)
    return net.eval()


def fid_network():
    net = tv.Inception3(num_classes=1008, aux_logits=False, init_weights=False)
    net.Mixed_5b, net.Mixed_5c, net.Mixed_5d = BlockA(192, 32), BlockA(256, 64), BlockA(288, 64)
    for name, width in (("b", 128), ("c", 160), ("d", 160), ("e", 192)):
        setattr(net, "Mixed_6" + name, BlockC(768, width))
    net.Mixed_7b, net.Mixed_7c = BlockE(1280), BlockELast(2048)
    net.fc = torch.nn.Linear(2048, 1008)
    return seeded(net)


def pool_features(net, x):
    """pytorch-fid: [0,1] to 299 bilinearly, to [-1,1], then the blocks to the 2048 pooled features."""
    x = 2 * F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False) - 1
    for name in ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2",
                 "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e",
                 "Mixed_7a", "Mixed_7b", "Mixed_7c"):
        x = getattr(net, name)(x)
    return F.adaptive_avg_pool2d(x, (1, 1)).squeeze(3).squeeze(2)


def frechet(mu1, sigma1, mu2, sigma2):
    """pytorch-fid's calculate_frechet_distance, in its own order of operations."""
    root, _ = scipy.linalg.sqrtm(sigma1.dot(sigma2), disp=False)
    if not np.isfinite(root).all():
        offset = np.eye(sigma1.shape[0]) * 1e-6
        root = scipy.linalg.sqrtm((sigma1 + offset).dot(sigma2 + offset))
    root = root.real
    return (mu1 - mu2).dot(mu1 - mu2) + np.trace(sigma1) + np.trace(sigma2) - 2 * np.trace(root)


def theirs(net, images, batch):
    with torch.no_grad():
        return np.concatenate([pool_features(net, torch.from_numpy(images[i:i + batch]).permute(0, 3, 1, 2).float() / 255).numpy()
                               for i in range(0, len(images), batch)])


def report(what, ours, other, unit=None):
    for clock, name in enumerate(("wall time", "processor time")):
        x, y = [m[clock] for m in ours], [m[clock] for m in other]
        a, b = statistics.median(x), statistics.median(y)
        ratios = sorted(q / p for p, q in zip(x, y))
        speed = f"{unit / a:.2f} against {unit / b:.2f} images/s" if unit else f"{a:.2f} s against {b:.2f} s"
        print(f"{what}, {name}: {speed}; ratio of medians {b / a:.2f} ({len(ratios)} pairs: {ratios[0]:.2f} to {ratios[-1]:.2f})", flush=True)


def features(ours, folder, options):
    net = fid_network()
    weights = os.path.join(folder, "weights.pth")
    torch.save(net.state_dict(), weights)
    ours.ask("weights", weights)
    random = np.random.default_rng(2)
    for side in options.sides:
        # Blocks of four pixels, so that neighbouring pixels are alike as in pictures.
        small = random.integers(0, 256, (options.images, -(-side // 4), -(-side // 4), 3), dtype=np.uint8)
        images = np.ascontiguousarray(small.repeat(4, 1).repeat(4, 2)[:, :side, :side])
        npz, out = os.path.join(folder, "images.npz"), os.path.join(folder, "features.bin")
        np.savez(npz, images)
        mine, other = [], []
        for pair in range(options.pairs + 1):  # the first warms up
            seconds, _ = ours.ask("features", npz, options.our_batch, out)
            their_seconds, rows = timed(lambda: theirs(net, images, options.batch))
            if pair:
                mine.append(seconds)
                other.append(their_seconds)
        got = np.fromfile(out, np.float32).reshape(rows.shape)
        print(f"features, {side}x{side}: largest difference {abs(got - rows).max():.3g} where the features reach {abs(rows).max():.3g} "
              f"and images differ by {abs(rows[0] - rows[1]).max():.3g}; relative in norm {np.linalg.norm(got - rows) / np.linalg.norm(rows):.3g}")
        report(f"features, {side}x{side}, {options.images} images", mine, other, options.images)


def classifier(ours, folder):
    net = seeded(resnet34(num_classes=10))
    weights, npz, out = (os.path.join(folder, name) for name in ("resnet34.pth", "small.npz", "logits.bin"))
    torch.save(net.state_dict(), weights)
    images = np.random.default_rng(4).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    np.savez(npz, images)
    ours.ask("resnet34", weights, npz, 10, out)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        expected = net(F.interpolate(x, size=(224, 224), mode="bilinear", align_corners=False)).numpy()
    got = np.fromfile(out, np.float32).reshape(expected.shape)
    print(f"ResNet-34 logits: largest difference {abs(got - expected).max():.3g} where they reach {abs(expected).max():.3g} "
          f"and images differ by {abs(expected[0] - expected[1]).max():.3g}", flush=True)


def distances(ours, folder, options):
    random = np.random.default_rng(3)
    for d, n, pairs in ((64, 500, 1), (256, 1000, 1), (2048, 10_000, options.pairs)):
        files, statistics_of = [], []
        for side in range(2):
            # Correlated, non-negative, some columns nearly silent: as pooled features are.
            mix = random.normal(size=(d, d)) * np.exp(-4 * random.random(d))
            rows = np.maximum(0, random.normal(size=(n, d)) @ mix.T / d ** 0.5 + 0.3)
            mu, sigma = rows.mean(0), np.cov(rows, rowvar=False)
            files.append(os.path.join(folder, f"{side}.npz"))
            np.savez(files[-1], mu=mu, sigma=sigma)
            statistics_of.append((mu, sigma))
        mine, other = [], []
        for _ in range(pairs):
            seconds, value = ours.ask("frechet", *files)
            their_seconds, expected = timed(lambda: frechet(*statistics_of[0], *statistics_of[1]))
            mine.append(seconds)
            other.append(their_seconds)
        print(f"Frechet, d = {d}: {value!r} against {expected!r}, relative difference {abs(value - expected) / expected:.3g}")
        report(f"Frechet, d = {d}", mine, other)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", nargs="+", default=["dotnet", OURS, "peer"], help="the command that answers for this side")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--sides", type=int, nargs="*", default=[32, 256])
    parser.add_argument("--batch", type=int, default=50, help="theirs; pytorch-fid's default")
    parser.add_argument("--our-batch", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=["features", "frechet", "resnet34"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"PyTorch {torch.__version__}, NumPy {np.__version__}, SciPy {scipy.__version__}, {options.threads} threads")
    ours = Ours(options.ours, options.threads)
    with tempfile.TemporaryDirectory() as folder:
        if options.only in (None, "features"):
            features(ours, folder, options)
        if options.only in (None, "resnet34"):
            classifier(ours, folder)
        if options.only in (None, "frechet"):
            distances(ours, folder, options)


if __name__ == "__main__":
    sys.exit(main())
