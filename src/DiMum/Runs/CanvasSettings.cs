using DiMum.Data.UnlearnCanvas;

namespace DiMum.Runs;

/// <summary>
/// Text-conditional latent models; read where <c>data.name</c> is <c>mini-canvas</c>, whose parts are trained in the run, or <c>unlearn-canvas</c>,
/// whose parts a user brings. The classes that are unlearned and measured are styles; every style has the same objects.
/// </summary>
public sealed record CanvasSettings
{
    /// <summary>How a style and an object are put into a prompt: paper or released.</summary>
    public CanvasWording Wording { get; init; } = CanvasWording.Paper;

    /// <summary>The U-Net's attention heads; its widths, blocks and attention are <c>network</c>'s.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>unlearn-canvas: the model, a diffusers folder or a CompVis checkpoint.</summary>
    public string? Model { get; init; }

    /// <summary>unlearn-canvas: checkpoint of the 51-way style classifier.</summary>
    public string? StyleClassifier { get; init; }

    /// <summary>unlearn-canvas: checkpoint of the 20-way object classifier.</summary>
    public string? ObjectClassifier { get; init; }

    /// <summary>unlearn-canvas: how many pictures of each theme and object are read, the first of them; the last tenth is the test split.</summary>
    public int Pictures { get; init; } = CanvasFolder.PicturesEach;

    /// <summary>k of AR: a style counts as recognised among the classifier's k best guesses.</summary>
    public int TopK { get; init; } = 1;

    public AutoencoderSettings Autoencoder { get; init; } = new();
    public TextSettings Text { get; init; } = new();
}

/// <summary>A small autoencoder that is trained in the run.</summary>
public sealed record AutoencoderSettings
{
    /// <summary>Width of each level; each after the first halves the resolution.</summary>
    public IReadOnlyList<int> Widths { get; init; } = [32, 64, 64];
    public int Blocks { get; init; } = 1;
    public int LatentChannels { get; init; } = 4;
    public int NormGroups { get; init; } = 8;
    public int Iterations { get; init; } = 2000;
    public int BatchSize { get; init; } = 32;
    public double Rate { get; init; } = 1e-3;

    /// <summary>Side of the random crops that all but the last fifth of the steps see; null for whole images throughout.</summary>
    public int? Crop { get; init; }

    /// <summary>Weight of the divergence from N(0, I).</summary>
    public double Divergence { get; init; } = 1e-3;
}

/// <summary>A small text encoder that is trained in the run, against images.</summary>
public sealed record TextSettings
{
    public int Width { get; init; } = 64;
    public int Heads { get; init; } = 4;
    public int Layers { get; init; } = 2;

    /// <summary>Longest prompt, with start and end.</summary>
    public int Tokens { get; init; } = 16;
    public int Iterations { get; init; } = 300;
    public int BatchSize { get; init; } = 64;
    public double Rate { get; init; } = 1e-3;
}
