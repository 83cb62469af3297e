using DiMum.Runs;

namespace DiMum.Tests.Runs;

/// <summary>The smallest experiment on the digits: a few steps of everything.</summary>
internal static class TinyExperiment
{
    private const string Yaml = """
        name: tiny
        threads: 1
        data: { name: digits }
        network: { channels: 16, multipliers: [1], res-blocks: 1, attention: [], dropout: 0, norm-groups: 4 }
        pretrain: { iterations: 2, batch-size: 16 }
        classifier: { widths: [16], iterations: 2, batch-size: 32 }
        sampling: { steps: 2, eta: 0, guidance-weight: 1 }
        unlearn: { class: "3", methods: [{ name: DiMUM, iterations: 2, batch-size: 16 }] }
        attack: { iterations: 3, batch-size: 16, evaluate-at: [1] }
        evaluate: { images: 20, retained-images: 45, grid-columns: 2 }
        """;

    /// <summary>A run of it in a folder, some settings changed.</summary>
    public static Run Run(string folder, params string[] settings) => new(Settings(settings), folder, new SilentObserver(), default);

    /// <summary>It, some settings changed.</summary>
    public static Experiment Settings(params string[] settings) => Presets.Bind(Yaml, "tiny", settings);
}
