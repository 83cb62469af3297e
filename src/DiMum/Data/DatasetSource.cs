using DiMum.Data.MiniCanvas;

namespace DiMum.Data;

/// <summary>Data sets by the names configurations use.</summary>
public static class DatasetSource
{
    /// <summary>The names <see cref="Load"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } =
    ["digits", "mixture", "mini-canvas", "cifar10", "mnist", "fashion-mnist", "image-folder"];

    /// <summary>
    /// Loads a data set by name. <c>digits</c>, <c>mixture</c> and <c>mini-canvas</c> are built in and have no use for a path; the others are read from the folder
    /// <paramref name="path"/>.
    /// </summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="path">Folder of the data set's files.</param>
    /// <param name="size">
    /// Side in pixels, a divisor of the data set's own, reached by <see cref="Resize.Area"/>; null leaves the images as they are. An
    /// <c>image-folder</c> (colour) must have one, of any value in 1…1,024.
    /// </param>
    /// <exception cref="UserError">The name is unknown, the path or the size is missing, or the files are not as expected.</exception>
    public static DataSplits Load(string name, string? path, int? size) =>
        name switch
        {
            "digits" => Sized(Digits.Load(), size),
            "mixture" => size is null
                ? GaussianMixture.Load()
                : throw new UserError("data set 'mixture' holds points, which have no size: leave data.size out"),
            "mini-canvas" => Sized(MiniCanvasSet.Load(), size),
            "cifar10" => Sized(Cifar10.Load(Required(name, path, $" (official archive: {Cifar10.Source}; unpack it)")), size),
            "mnist" or "fashion-mnist" => Sized(Idx.Load(Required(name, path, " (the four IDX files, plain or .gz)"), name), size),
            "image-folder" => ImageFolder.Load(
                Required(name, path, " (it holds train/<class>/ and test/<class>/)"),
                size ?? throw new UserError("data set 'image-folder' needs the side its images are resized to: pass --set data.size=32"),
                channels: 3
            ),
            _ => throw Unknown(name),
        };

    /// <summary>The law that a data set is drawn from, where it is known: of <c>mixture</c> alone.</summary>
    public static GaussianMixture? LawOf(string name) => name == "mixture" ? GaussianMixture.BuiltIn : null;

    private static string Required(string name, string? path, string whatItIs) =>
        string.IsNullOrWhiteSpace(path)
            ? throw new UserError($"data set '{name}' needs the folder of its files: pass --set data.path=DIR{whatItIs}")
            : path;

    private static DataSplits Sized(DataSplits own, int? size)
    {
        if (size is not int side || side == own.Train.Height)
            return own;
        using (own)
        {
            var train = Resize.Area(own.Train, side);
            return new DataSplits(train, Resize.Area(own.Test, side));
        }
    }

    private static UserError Unknown(string name)
    {
        var nearest = Nearest.Of(name, Names);
        var hint = nearest == null ? "" : $" Did you mean '{nearest}'?";
        return new UserError($"unknown data set '{name}'.{hint} Known: {string.Join(", ", Names)}");
    }
}
