using System.Security.Cryptography;
using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>Images of one size from a folder of files or an <c>.npz</c> of samples, read in order and in batches, so that memory stays constant.</summary>
public abstract class ImageSet
{
    private protected ImageSet(string name) => Name = name;

    /// <summary>Path, for messages and identities.</summary>
    public string Name { get; }

    /// <summary>N.</summary>
    public abstract long Count { get; }

    public abstract int Height { get; }

    public abstract int Width { get; }

    /// <summary>First 16 digits of SHA-256 over the images' bytes, in order.</summary>
    public abstract string Hash { get; }

    /// <summary>What a reader should know: greyscale images, files passed over.</summary>
    public IReadOnlyList<string> Notes { get; private protected init; } = [];

    /// <summary>RGB images, uint8 [b,3,H,W].</summary>
    public abstract IEnumerable<Tensor> Batches(int size);

    /// <summary>The first images of every class; the set itself where there are no classes.</summary>
    public abstract ImageSet FirstOfEachClass(int count);

    /// <summary>
    /// Opens a folder of PNG or JPEG (in it or in its class folders), or an <c>.npz</c> whose <c>arr_0</c> is uint8 [N,H,W,3]. Every file is
    /// decoded once, so that what is wrong is known before hours of work.
    /// </summary>
    /// <param name="path">Folder or file.</param>
    /// <param name="skipUnreadable">Pass over files that can't be read, and count them.</param>
    /// <exception cref="UserError">Unreadable files, mixed sizes, transparent images, fewer than 2 images.</exception>
    public static ImageSet Open(string path, bool skipUnreadable = false)
    {
        ImageSet set = File.Exists(path) ? new NpzImageSet(path) : FolderImageSet.OpenFolder(path, skipUnreadable);
        return set.Count >= 2 ? set : throw new UserError($"{set.Name}: number of images {set.Count}, expected at least 2");
    }
}

/// <summary>Image files.</summary>
internal sealed class FolderImageSet : ImageSet
{
    private const string Expected = "PNG or JPEG images, directly or in one folder a class";
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".webp", ".bmp"];
    private readonly List<string> files;

    private FolderImageSet(string name, List<string> files, (int, int) size, string hash, IReadOnlyList<string> notes)
        : base(name)
    {
        (this.files, (Height, Width), Hash, Notes) = (files, size, hash, notes);
    }

    public override long Count => files.Count;

    public override int Height { get; }

    public override int Width { get; }

    public override string Hash { get; }

    public static FolderImageSet OpenFolder(string path, bool skipUnreadable)
    {
        var root = InputFile.Folder(path, Expected);
        var (direct, deeper) = (Images(root), InputFile.List(root, folders: true).SelectMany(Images).ToList());
        if (direct.Count > 0 && deeper.Count > 0)
            throw new UserError($"{root}: has {direct.Count} images in it and {deeper.Count} in its folders; expected {Expected}");
        var files = direct.Count > 0 ? direct : deeper;
        if (files.Count == 0)
            throw new UserError($"{root}: has no images, expected {Expected}");
        return Inspect(root, files, skipUnreadable);
    }

    public override IEnumerable<Tensor> Batches(int size)
    {
        foreach (var part in files.Chunk(size))
        {
            using var scope = NewDisposeScope();
            var planes = new byte[part.Length * 3 * Height * Width];
            Parallel.For(
                0,
                part.Length,
                i =>
                {
                    using var bitmap = ImageFile.Decode(part[i]).Rgba;
                    ImageFile.Planes(bitmap, 3).CopyTo(planes, i * 3 * Height * Width);
                }
            );
            yield return tensor(planes, [part.Length, 3, Height, Width], ScalarType.Byte);
        }
    }

    public override ImageSet FirstOfEachClass(int count)
    {
        var classes = files.GroupBy(f => Path.GetDirectoryName(f)).ToList();
        return classes.Count < 2 ? this : Inspect(Name, [.. classes.SelectMany(c => c.Take(count))], skipUnreadable: false);
    }

    private static List<string> Images(string folder) =>
        [.. InputFile.List(folder, folders: false).Where(f => Extensions.Contains(Path.GetExtension(f).ToLowerInvariant()))];

    private static FolderImageSet Inspect(string root, List<string> files, bool skipUnreadable)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (good, unreadable, grey) = (new List<string>(), new List<UserError>(), 0);
        (int Height, int Width) size = default;
        foreach (var file in files)
        {
            try
            {
                var (bitmap, isGrey, transparent) = ImageFile.Decode(file);
                using var image = bitmap;
                if (transparent)
                    throw new InvalidDataException(
                        $"{file}: has transparent parts, and tools differ in what they put behind them; flatten it first"
                    );
                if (good.Count > 0 && size != (image.Height, image.Width))
                    throw new InvalidDataException(
                        $"{root}: images of mixed sizes: {Path.GetFileName(good[0])} is {size.Width}×{size.Height}, {Path.GetFileName(file)} {image.Width}×{image.Height}; expected one size"
                    );
                size = (image.Height, image.Width);
                grey += isGrey ? 1 : 0;
                hash.AppendData(ImageFile.Planes(image, 3));
                good.Add(file);
            }
            catch (InvalidDataException e)
            {
                throw new UserError(e.Message, e);
            }
            catch (UserError e)
            {
                unreadable.Add(e);
            }
        }

        if (unreadable.Count > 0 && !skipUnreadable)
            throw new UserError(
                $"{unreadable[0].Message} ({unreadable.Count} of {files.Count} files are unreadable; --skip-unreadable leaves them out)"
            );
        var notes = new List<string>();
        if (unreadable.Count > 0)
            notes.Add($"{root}: {unreadable.Count} of {files.Count} files left out as unreadable");
        if (grey > 0)
            notes.Add($"{root}: {grey} greyscale images taken as RGB of equal channels");
        return new(root, good, size, Convert.ToHexStringLower(hash.GetHashAndReset())[..16], notes);
    }
}

/// <summary>Samples as guided-diffusion keeps them: <c>arr_0</c>, uint8 [N,H,W,3].</summary>
internal sealed class NpzImageSet : ImageSet
{
    private const string Array = "arr_0";
    private readonly NpyHeader header;

    public NpzImageSet(string path)
        : base(Path.GetFullPath(path))
    {
        using var npz = new Npz(path);
        using var data = npz.OpenArray(Array, out header);
        if (
            header.Type != "|u1"
            || header.Shape.Length != 4
            || header.Shape[3] != 3
            || header.Shape.Contains(0)
            || header.Fortran
            || header.Shape.Any(n => n > int.MaxValue)
        )
            throw npz.Bad(Array, $"is {header.Type} [{string.Join(',', header.Shape)}], expected uint8 (|u1) [N,H,W,3] with values 0…255");
        Hash = Convert.ToHexStringLower(SHA256.HashData(data))[..16];
    }

    public override long Count => header.Shape[0];

    public override int Height => (int)header.Shape[1];

    public override int Width => (int)header.Shape[2];

    public override string Hash { get; }

    public override IEnumerable<Tensor> Batches(int size)
    {
        using var npz = new Npz(Name);
        using var data = npz.OpenArray(Array, out _);
        for (long from = 0; from < Count; from += size)
        {
            using var scope = NewDisposeScope();
            var n = (int)Math.Min(size, Count - from);
            var bytes = new byte[n * Height * Width * 3];
            InputFile.Fill(data, bytes, Name, "samples [N,H,W,3]");
            yield return tensor(bytes, [n, Height, Width, 3], ScalarType.Byte).permute(0, 3, 1, 2).contiguous();
        }
    }

    public override ImageSet FirstOfEachClass(int count) => this;
}
