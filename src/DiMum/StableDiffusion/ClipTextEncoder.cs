using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.StableDiffusion;

/// <summary>The text encoder's shape. Defaults are CLIP ViT-L/14's, of Stable Diffusion 1.x: 196 tensors, 123,060,480 parameters.</summary>
/// <param name="VocabularySize">Number of token ids.</param>
/// <param name="Width">D, width of a token's embedding.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="Layers">Transformer layers.</param>
/// <param name="MaxTokens">Longest text, with start and end.</param>
/// <param name="HiddenWidth">Width inside the feed-forward part.</param>
/// <param name="NormEpsilon">ε of the normalisations.</param>
/// <param name="QuickGelu">x·σ(1.702·x) as CLIP ViT-L/14 has it; false is the exact GELU.</param>
public sealed record ClipTextConfig(
    int VocabularySize = 49408,
    int Width = 768,
    int Heads = 12,
    int Layers = 12,
    int MaxTokens = 77,
    int HiddenWidth = 3072,
    double NormEpsilon = 1e-5,
    bool QuickGelu = true
);

/// <summary>
/// Token ids to token embeddings by a causal transformer: names, shapes and order of Hugging Face's <c>CLIPTextModel</c>; the same function as
/// openai/CLIP@d05afc4 <c>model.py</c>, encode_text up to its last normalisation.
/// </summary>
public sealed class ClipTextEncoder : IDisposable
{
    private readonly ParameterScope root = new(new ParameterDeclarations());
    private readonly Embedding tokens;
    private readonly Embedding positions;
    private readonly List<Layer> layers;
    private readonly LayerNorm norm;

    /// <param name="config">The shape.</param>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="generator">Draws the initial values; null where weights are loaded next.</param>
    /// <param name="dtype">float32, or float64 for laws.</param>
    /// <param name="frozen">Without gradient, at half the memory.</param>
    public ClipTextEncoder(
        ClipTextConfig config,
        Device device,
        Generator? generator,
        ScalarType dtype = ScalarType.Float32,
        bool frozen = false
    )
        : this(config) => Parameters = new ParameterVector(root.Into, device, generator, dtype, frozen);

    private ClipTextEncoder(ClipTextConfig config)
    {
        Config = config;
        if (config.Width % config.Heads != 0)
            throw new UserError($"text encoder: width {config.Width} is not divisible by {config.Heads} attention heads");
        var model = root.Sub("text_model");
        tokens = new(model.Sub("embeddings.token_embedding"), config.VocabularySize, config.Width, 0.02);
        positions = new(model.Sub("embeddings.position_embedding"), config.MaxTokens, config.Width, 0.01);
        layers = [.. Enumerable.Range(0, config.Layers).Select(i => new Layer(model.Sub($"encoder.layers.{i}"), config))];
        norm = new(model.Sub("final_layer_norm"), config.Width, config.NormEpsilon);
        Parameters = null!; // set by the public constructor; declaring needs none
    }

    /// <summary>The parameters of an encoder of this shape, without making one.</summary>
    public static IReadOnlyList<Parameter> Declared(ClipTextConfig config) => new ClipTextEncoder(config).root.Into.All;

    public ClipTextConfig Config { get; }

    public ParameterVector Parameters { get; }

    /// <summary>The embeddings Stable Diffusion 1.x is conditioned on, [B,L,D].</summary>
    /// <param name="ids">int64 [B,L], L ≤ <see cref="ClipTextConfig.MaxTokens"/>.</param>
    /// <param name="onLayer">Sees (number of layers passed, state [B,L,D]) and must not keep the state.</param>
    public Tensor Encode(Tensor ids, Action<int, Tensor>? onLayer = null)
    {
        using var scope = NewDisposeScope();
        var length = ids.shape[1];
        if (length > Config.MaxTokens)
            throw new UserError($"text encoder: {length} tokens, at most {Config.MaxTokens} fit; shorten or truncate the prompt");
        var h = tokens.Forward(ids) + positions.Forward(arange(length, ScalarType.Int64, ids.device).unsqueeze(0)); // [B,L,D]
        for (var i = 0; i < layers.Count; i++)
        {
            h = layers[i].Forward(h);
            onLayer?.Invoke(i + 1, h);
        }

        return norm.Forward(h).MoveToOuterDisposeScope();
    }

    public void Dispose() => Parameters.Dispose();

    private sealed class Layer
    {
        private readonly Linear key;
        private readonly Linear value;
        private readonly Linear query;
        private readonly Linear output;
        private readonly LayerNorm norm1;
        private readonly Linear widen;
        private readonly Linear narrow;
        private readonly LayerNorm norm2;
        private readonly ClipTextConfig config;

        public Layer(ParameterScope scope, ClipTextConfig config)
        {
            this.config = config;
            var (d, attention) = (config.Width, scope.Sub("self_attn"));
            key = new(attention.Sub("k_proj"), d, d);
            value = new(attention.Sub("v_proj"), d, d);
            query = new(attention.Sub("q_proj"), d, d);
            output = new(attention.Sub("out_proj"), d, d);
            norm1 = new(scope.Sub("layer_norm1"), d, config.NormEpsilon);
            widen = new(scope.Sub("mlp.fc1"), d, config.HiddenWidth);
            narrow = new(scope.Sub("mlp.fc2"), config.HiddenWidth, d);
            norm2 = new(scope.Sub("layer_norm2"), d, config.NormEpsilon);
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var n = norm1.Forward(x);
            Tensor Split(Linear linear) => Heads.Split(linear.Forward(n), config.Heads); // [B,h,L,d]
            var mixed = functional.scaled_dot_product_attention(Split(query), Split(key), Split(value), is_casual: true);
            x = x + output.Forward(Heads.Join(mixed));
            return (x + narrow.Forward(Activate(widen.Forward(norm2.Forward(x))))).MoveToOuterDisposeScope();
        }

        private Tensor Activate(Tensor x) => config.QuickGelu ? x * (1.702 * x).sigmoid() : functional.gelu(x);
    }
}
