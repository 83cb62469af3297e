using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Nets;

/// <summary>What bounds a module: which of a machine's rates it is held against.</summary>
internal enum WorkKind
{
    /// <summary>Moving memory; its arithmetic isn't counted.</summary>
    Memory,

    /// <summary>Products of matrices.</summary>
    Product,

    /// <summary>Convolutions.</summary>
    Convolution,
}

/// <summary>A module's own arithmetic, forward and without the modules inside it.</summary>
/// <param name="Kind">Of which kind.</param>
/// <param name="FlopsAnElement">Multiplications and additions for one element of the result.</param>
internal readonly record struct Work(WorkKind Kind, double FlopsAnElement)
{
    /// <summary>y = W x: every element is a sum of <paramref name="from"/> products.</summary>
    public static Work Linear(long from) => new(WorkKind.Product, 2.0 * from);

    /// <summary>A k×k convolution: every element is a sum of from·k² products.</summary>
    public static Work Conv(long from, long kernel) => new(WorkKind.Convolution, 2.0 * from * kernel * kernel);

    /// <summary>softmax(QKᵀ)V over <paramref name="tokens"/> tokens: N products of length C for the scores, and N for the mix.</summary>
    public static Work Attention(long tokens) => new(WorkKind.Product, 4.0 * tokens);
}

/// <summary>Watches modules begin and end, nested as they call each other; what it returns stands in the place of what it was given.</summary>
internal interface IModuleProbe
{
    /// <param name="module">Its name: the prefix of its parameters.</param>
    /// <param name="input">What it works on.</param>
    Tensor Begin(string module, Tensor input);

    /// <summary>The module that began last ends.</summary>
    Tensor End(Tensor output, Work work);
}
