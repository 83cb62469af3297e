namespace DiMum.Metrics;

/// <summary>
/// A number as this project reports it: its value, how many images it rests on, a 95 % interval and its identity (what was measured, of
/// which model, with which data, sampler, steps, guidance and seed). Two numbers of unlike <see cref="Metric"/> are not comparable.
/// </summary>
/// <param name="Value">The point estimate.</param>
/// <param name="N">Number of images (or draws) it rests on.</param>
/// <param name="Low">Lower end of the 95 % interval.</param>
/// <param name="High">Upper end of the 95 % interval.</param>
/// <param name="Metric">What is measured and how, for example <c>AR_u (classifier digits-cnn-…, exact Clopper–Pearson)</c>.</param>
/// <param name="Of">The model, sampler, steps, guidance and seed it was measured on.</param>
public sealed record Measured(double Value, long N, double Low, double High, string Metric, string Of)
{
    /// <summary>This number less <paramref name="other"/>, refused where they were measured in unlike ways.</summary>
    /// <exception cref="InvalidOperationException">The two metrics' identities differ; the message names what differs in them.</exception>
    public double DifferenceFrom(Measured other) =>
        Metric == other.Metric
            ? Value - other.Value
            : throw new InvalidOperationException(
                $"these numbers do not compare: {Only(Metric, other.Metric)} against {Only(other.Metric, Metric)}"
            );

    // Identities are lists of statements; what both state is left out.
    private static string Only(string one, string other)
    {
        var rest = string.Join("; ", Statements(one).Except(Statements(other)));
        return rest.Length > 0 ? $"'{rest}'" : "nothing of that";
    }

    private static string[] Statements(string metric) =>
        metric.Split(["; ", ": ", " (", ")"], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
