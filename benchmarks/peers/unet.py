"""The class-conditional U-Net of src/DiMum/Nets in PyTorch, as a user would write it: same names, shapes, order and mathematics."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Embed(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.dense = nn.ModuleList([nn.Linear(a, b), nn.Linear(b, b)])

    def forward(self, x):
        return self.dense[1](F.silu(self.dense[0](x)))


class ResBlock(nn.Module):
    def __init__(self, a, b, c):
        super().__init__()
        self.norm1 = nn.GroupNorm(c["groups"], a, eps=1e-6)
        self.conv1 = nn.Conv2d(a, b, 3, padding=1)
        self.temb_cemb_proj = nn.Linear(8 * c["channels"], b)
        self.norm2 = nn.GroupNorm(c["groups"], b, eps=1e-6)
        self.dropout = nn.Dropout(c["dropout"])
        self.conv2 = nn.Conv2d(b, b, 3, padding=1)
        if a != b:
            self.nin_shortcut = nn.Conv2d(a, b, 1)

    def forward(self, x, embedding):
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.temb_cemb_proj(embedding)[:, :, None, None]
        h = self.conv2(self.dropout(F.silu(self.norm2(h))))
        return (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x) + h


class Attention(nn.Module):
    def __init__(self, n, c):
        super().__init__()
        self.norm = nn.GroupNorm(c["groups"], n, eps=1e-6)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(n, n, 1) for _ in range(4))

    def forward(self, x):
        b, c, h, w = x.shape
        n = self.norm(x)
        q = self.q(n).reshape(b, c, h * w).permute(0, 2, 1)
        k = self.k(n).reshape(b, c, h * w)
        weights = F.softmax(torch.bmm(q, k) * c ** -0.5, dim=2)
        v = self.v(n).reshape(b, c, h * w)
        return x + self.proj_out(torch.bmm(v, weights.permute(0, 2, 1)).reshape(b, c, h, w))


class Down(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv = nn.Conv2d(n, n, 3, stride=2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Up(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv = nn.Conv2d(n, n, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class UNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c, ch, levels = c, c["channels"], len(c["multipliers"])
        self.null_classes_emb = nn.Parameter(torch.randn(ch))
        self.temb = Embed(ch, 4 * ch)
        self.classes_emb = nn.Embedding(c["classes"], ch)
        self.cemb = Embed(ch, 4 * ch)
        self.conv_in = nn.Conv2d(c["image_channels"], ch, 3, padding=1)
        self.down, width, skips, side = nn.ModuleList(), ch, [ch], c["size"]
        for i, m in enumerate(c["multipliers"]):
            level = nn.Module()
            level.block, level.attn = nn.ModuleList(), nn.ModuleList()
            for _ in range(c["res_blocks"]):
                level.block.append(ResBlock(width, m * ch, c))
                width = m * ch
                skips.append(width)
                if side in c["attention"]:
                    level.attn.append(Attention(width, c))
            if i + 1 < levels:
                level.downsample, side = Down(width), side // 2
                skips.append(width)
            self.down.append(level)
        self.mid = nn.Module()
        self.mid.block_1, self.mid.attn_1, self.mid.block_2 = ResBlock(width, width, c), Attention(width, c), ResBlock(width, width, c)
        ups = []
        for i in reversed(range(levels)):
            level = nn.Module()
            level.block, level.attn = nn.ModuleList(), nn.ModuleList()
            for _ in range(c["res_blocks"] + 1):
                to = c["multipliers"][i] * ch
                level.block.append(ResBlock(width + skips.pop(), to, c))
                width = to
                if c["size"] >> i in c["attention"]:
                    level.attn.append(Attention(width, c))
            if i:
                level.upsample = Up(width)
            ups.insert(0, level)
        self.up = nn.ModuleList(ups)
        self.norm_out = nn.GroupNorm(c["groups"], width, eps=1e-6)
        self.conv_out = nn.Conv2d(width, c["image_channels"], 3, padding=1)

    def forward(self, x, t, condition, keep=None):
        half = self.c["channels"] // 2
        rates = torch.exp(torch.arange(half, dtype=torch.float64) * -(math.log(10000) / (half - 1)))
        angle = t.double()[:, None] * rates[None]
        temb = self.temb(torch.cat([angle.sin(), angle.cos()], 1).float())
        looked = self.classes_emb(condition)
        if keep is not None:
            looked = torch.where(keep[:, None], looked, self.null_classes_emb[None].expand_as(looked))
        embedding = F.silu(torch.cat([temb, self.cemb(looked)], 1))
        h = self.conv_in(x)
        skips = [h]
        for level in self.down:
            for i, block in enumerate(level.block):
                h = block(h, embedding)
                if len(level.attn):
                    h = level.attn[i](h)
                skips.append(h)
            if hasattr(level, "downsample"):
                h = level.downsample(h)
                skips.append(h)
        h = self.mid.block_2(self.mid.attn_1(self.mid.block_1(h, embedding)), embedding)
        for level in reversed(self.up):
            for i, block in enumerate(level.block):
                h = block(torch.cat([h, skips.pop()], 1), embedding)
                if len(level.attn):
                    h = level.attn[i](h)
            if hasattr(level, "upsample"):
                h = level.upsample(h)
        return self.conv_out(F.silu(self.norm_out(h)))


def config(size, channels, multipliers, res_blocks, attention, groups, dropout, image_channels, classes=10):
    return dict(size=size, channels=channels, multipliers=multipliers, res_blocks=res_blocks, attention=attention, groups=groups,
                dropout=dropout, image_channels=image_channels, classes=classes)
