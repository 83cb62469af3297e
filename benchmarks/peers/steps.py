#!/usr/bin/env python3
"""Training steps and sampling of one U-Net here (fp32 and bf16), in plain TorchSharp and in PyTorch, in turn: times, ratios, values.

    dotnet build -c Release benchmarks/DiMum.Benchmarks
    python3 benchmarks/peers/steps.py [--net small cifar] [--pairs 5] [--only step sample optimise mask ceiling]

Needs Debian's python3-torch with libopenblas0 (or any other PyTorch). A step is: x_t of Eq. (1), forward, loss,
backward, clipping to norm 1, Adam, moving average, on one fixed batch; weights and batch are drawn once and read by all sides from the same file,
and the losses that each comes to are printed beside each other. Rounds run one side after the other, each in a warm process of its own (sides that
share a heap slow each other down); ratios are per round, then their median, least and greatest. The peers compute in fp32. "plain" is TorchSharp as it
comes; "kept" is the same with glibc told to keep freed memory, as our processes are.
"""
import argparse
import json
import math
import os
import platform
import statistics
import struct
import sys
import tempfile

import torch
import torch.nn.functional as F

from peer import Ours, timed
from unet import UNet, config

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = os.path.join(HERE, "..", "DiMum.Benchmarks", "bin", "Release", "net10.0", "DiMum.Benchmarks.dll")
NETS = {  # configuration, batch, steps a round
    "small": (config(16, 32, [1, 2, 2], 2, [], 8, 0.0, 3), 64, 5),
    "cifar": (config(32, 128, [1, 2, 2, 2], 2, [16], 32, 0.1, 3), 16, 1),
    "digits": (config(8, 32, [1, 1], 1, [], 8, 0.0, 1), 64, 20),
}


class Theirs:
    """The released loop on PyTorch's modules."""

    def __init__(self, c, tensors):
        self.net = UNet(c)
        with torch.no_grad():
            for name, p in self.net.named_parameters():
                p.copy_(tensors["theta." + name])
        self.adam = torch.optim.Adam(self.net.parameters(), lr=1e-4)
        self.shadow = {n: p.detach().clone() for n, p in self.net.named_parameters()}
        self.clean, self.noise, self.time = tensors["clean"], tensors["noise"], tensors["time"]
        self.condition, self.keep = tensors["condition"], tensors["keep"].bool()
        self.alpha_bar = alpha_bar().float()

    def steps(self, count):
        for _ in range(count):
            self.adam.zero_grad()
            a = self.alpha_bar[self.time].view(-1, 1, 1, 1)
            noised = a.sqrt() * self.clean + (1 - a).sqrt() * self.noise
            loss = (self.noise - self.net(noised, self.time, self.condition, self.keep)).square().sum(dim=(1, 2, 3)).mean()
            loss.backward()
            self.update()
        return loss.item()

    def update(self):
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.adam.step()
        with torch.no_grad():
            for n, p in self.net.named_parameters():
                self.shadow[n].copy_((1 - 0.9999) * p + 0.9999 * self.shadow[n])

    def sample(self, count, steps=50):
        """DDIM with guidance w = 1, two forward passes a step."""
        self.net.eval()
        table = alpha_bar()
        with torch.no_grad():
            x = torch.randn(count, *self.clean.shape[1:])
            condition, none = torch.arange(count) % 10, torch.zeros(count, dtype=torch.bool)
            skip = 1000 // steps
            for t in range(1000 - skip, -1, -skip):
                time = torch.full((count,), t)
                e = 2 * self.net(x, time, condition) - self.net(x, time, condition, none)
                now, next = table[t].item(), table[t - skip].item() if t >= skip else 1.0
                clean = (x - math.sqrt(1 - now) * e) / math.sqrt(now)
                x = math.sqrt(next) * clean + math.sqrt(1 - next) * e
        self.net.train()
        return x.mean().item()


def alpha_bar():
    return torch.cumprod(1 - torch.linspace(1e-4, 2e-2, 1000, dtype=torch.float64), 0)


def read(path):
    """A safetensors file of float32 and int64."""
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = bytearray(f.read())
    kinds = {"F32": torch.float32, "I64": torch.int64}
    result = {}
    for name, entry in header.items():
        if name != "__metadata__":
            a, b = entry["data_offsets"]
            result[name] = torch.frombuffer(data[a:b], dtype=kinds[entry["dtype"]]).reshape(entry["shape"])
    return result


def flops(c, batch):
    """Multiplications and additions of a forward pass, and its convolutions (in, out, side of the output, kernel, stride)."""
    convs, total = [], [0.0]
    net = UNet(c)

    def seen(module, inputs, output):
        if isinstance(module, torch.nn.Conv2d):
            shape = (module.in_channels, module.out_channels, output.shape[-1], module.kernel_size[0], module.stride[0])
            convs.append((shape, 2.0 * output.numel() * module.in_channels * module.kernel_size[0] ** 2))
            total[0] += convs[-1][1]
        elif isinstance(module, torch.nn.Linear):
            total[0] += 2.0 * output.numel() * module.in_features
        elif type(module).__name__ == "Attention":
            total[0] += 4.0 * output.numel() * output.shape[2] * output.shape[3]

    for module in net.modules():
        module.register_forward_hook(seen)
    with torch.no_grad():
        net(torch.zeros(1, c["image_channels"], c["size"], c["size"]), torch.zeros(1).long(), torch.zeros(1).long())
    return total[0] * batch, [(shape, f * batch) for shape, f in convs]


def rounds(sides, pairs, unit):
    """Every side once a round, the order turned; (seconds, processor seconds) a unit of work."""
    names = list(sides)
    for name in names:
        sides[name]()
    times, values = {n: [] for n in names}, {}
    for r in range(pairs):
        for name in names[r % len(names):] + names[:r % len(names)]:
            seconds, values[name] = sides[name]()
            times[name].append(tuple(s / unit for s in seconds))
    return times, values


def report(what, times, pairs_of):
    """By wall time, and by the processor time of the process, which other work on the machine moves less (it counts threads that spin)."""
    for clock, kind in enumerate(("wall", "processor")):
        of = {name: [x[clock] for x in values] for name, values in times.items()}
        for name, x in of.items():
            print(f"{what}, {name}, {kind}: median {statistics.median(x) * 1e3:.1f} ms ({min(x) * 1e3:.1f} to {max(x) * 1e3:.1f}, n = {len(x)})")
        for fast, slow in pairs_of:
            if fast in of and slow in of:
                ratios = sorted(b / a for a, b in zip(of[fast], of[slow]))
                print(f"{what}, {slow} / {fast}, {kind}: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}, {len(ratios)} pairs)")
    sys.stdout.flush()


RATIOS = [(ours, peer) for ours in ("bf16", "fp32") for peer in ("PyTorch", "plain", "kept")] + [("bf16", "fp32")]


def asked(processes, *words):
    """What each process is asked by the name of its side; plain networks are the same in both of theirs."""
    return {side: lambda side=side: processes[side].ask(words[0], "plain" if side == "kept" else side, *words[1:]) for side in processes}


def steps(name, processes, theirs, options):
    c, batch, count = NETS[name]
    count = options.steps or count
    sides = asked(processes, "steps", count)
    if theirs:
        sides["PyTorch"] = lambda: timed(lambda: theirs.steps(count))
    times, values = rounds(sides, options.pairs, count)
    report(f"{name} step", times, RATIOS)
    print(f"{name}, loss after {count * (options.pairs + 1)} steps: " + ", ".join(f"{k} {v:.6g}" for k, v in values.items()))
    return times


def ceiling(name, ours, options, times):
    c, batch, _ = NETS[name]
    total, convs = flops(c, batch)
    shapes = {}
    for shape, f in convs:
        entry = shapes.setdefault(shape, [0, 0.0])
        entry[0] += 1
        entry[1] += f
    print(f"{name}: {3 * total / 1e9:.1f} GFLOP a step of batch {batch}, forward times 3")
    for kind in ("fp32", "bf16"):
        sums, best = [], 0.0
        for r in range(3):
            spent = 0.0
            for (a, b, side, k, stride), (n, f) in shapes.items():
                again = max(3, int(1e10 / (3 * f / n)))
                seconds = ours.ask("conv", kind, batch, a, b, side * stride, k, stride, again)[1]
                best = max(best, 3 * f / n / seconds)
                spent += n * seconds
            sums.append(3 * sum(f for _, f in shapes.values()) / spent)
        own = statistics.median(sums)
        gemm = max(2 * 2048 ** 3 / ours.ask("gemm", kind, 2048, 3)[1] for _ in range(3))
        print(f"{name} ceilings, {kind}: {own / 1e9:.0f} GFLOP/s over the network's own convolutions one by one ({min(sums) / 1e9:.0f} to "
              f"{max(sums) / 1e9:.0f}), {best / 1e9:.0f} its best one, {gemm / 1e9:.0f} 2048-cubed GEMM")
        if times and kind in times:
            rate = 3 * total / statistics.median(x[0] for x in times[kind])
            print(f"{name} step, {kind}: {rate / 1e9:.0f} GFLOP/s = {100 * rate / own:.0f} % of its convolutions' ceiling, {100 * rate / gemm:.0f} % of GEMM's")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", nargs="+", default=["dotnet", OURS, "peer"], help="the command that answers for this side")
    parser.add_argument("--net", nargs="+", choices=list(NETS), default=["small", "cifar"])
    parser.add_argument("--only", nargs="+", choices=["step", "sample", "optimise", "mask", "ceiling"], default=["step", "ceiling", "sample", "optimise", "mask"])
    parser.add_argument("--peers", nargs="*", choices=["plain", "kept", "python"], default=["plain", "kept", "python"])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, help="steps a round")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    processes = {side: Ours(options.ours + (["plain"] if side == "plain" else []), options.threads)
                 for side in ["fp32", "bf16"] + [p for p in options.peers if p != "python"]}
    ours = processes["fp32"]
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    print(f"PyTorch {torch.__version__} (oneDNN {torch.__config__.show().split('MKL-DNN v')[-1].split(' ')[0]}), Python {platform.python_version()}, "
          f"{platform.platform()}, {cpu}, {os.cpu_count()} cores, {options.threads} threads")
    for name in options.net:
        c, batch, _ = NETS[name]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "start.safetensors")
            for process in processes.values():
                process.ask("open", c["size"], c["channels"], ",".join(map(str, c["multipliers"])), c["res_blocks"], ",".join(map(str, c["attention"])),
                            c["dropout"], c["groups"], c["image_channels"], batch, path)
            theirs = Theirs(c, read(path)) if "python" in options.peers else None
        times = steps(name, processes, theirs, options) if "step" in options.only else None
        if "ceiling" in options.only:
            ceiling(name, ours, options, times)
        if "sample" in options.only and name != "cifar":
            n = options.images
            sides = asked(processes, "sample", n)
            if theirs:
                sides["PyTorch"] = lambda: timed(lambda: theirs.sample(n))
            times, values = rounds(sides, options.pairs, 1)
            report(f"{name}, DDIM-50 with guidance, {n} images", times, RATIOS)
            print(f"{name}, mean of the images: " + ", ".join(f"{k} {v:.4g}" for k, v in values.items()))
        if "optimise" in options.only and name == "cifar":
            sides = asked({side: process for side, process in processes.items() if side != "bf16"}, "optimise", 3)
            if theirs:
                if theirs.net.conv_in.weight.grad is None:
                    theirs.steps(1)
                sides["PyTorch"] = lambda: timed(lambda: [theirs.update() for _ in range(3)])
            times, _ = rounds(sides, options.pairs, 3)
            report(f"{name}, clip + Adam + average", times, [r for r in RATIOS if r[0] == "fp32"])
        for process in processes.values():
            process.ask("forget")
    if "mask" in options.only:
        n = 38_632_323
        sides = {k: (lambda k=k: ours.ask("mask", k, n)) for k in ("ours", "sort")}
        times, _ = rounds(sides, options.pairs, 1)
        report(f"mask of half of {n} scores", times, [("ours", "sort")])
        print(f"elements in which the two masks differ: {ours.ask('mask', 'difference', n)[1]:.0f}")


if __name__ == "__main__":
    sys.exit(main())
