using System.Text;
using System.Text.Json;

namespace DiMum.Profiling;

/// <summary>
/// A profiled step as Chrome trace events, which Perfetto (ui.perfetto.dev) and chrome://tracing open: phases, and inside them modules inside
/// modules, as begin and end events in microseconds.
/// </summary>
internal static class TraceFile
{
    private const double Microsecond = 1e-6;

    public static string Of(StepProfile profile, string title)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            json.WriteString("displayTimeUnit", "ms");
            json.WriteStartArray("traceEvents");
            Named(json, "process_name", title);
            Named(json, "thread_name", "step");
            foreach (var span in Spans(profile))
                Nest(json, span, profile.Phases[0].Begin);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(memory.ToArray());
    }

    private sealed record Span(string Name, string Category, double Begin, double End, IReadOnlyList<Span> Inside, Visit? Visit = null);

    private static IEnumerable<Span> Spans(StepProfile profile)
    {
        var inside = profile.Visits.ToLookup(v => v.Parent);
        Span Forth(Visit v) => new(v.Name, "forward", v.Begin, v.End, [.. inside[v].Select(Forth)], v);
        Span Back(Visit v) => new(v.Name, "backward", v.BackBegin, v.BackEnd, Backs(v), v);
        IReadOnlyList<Span> Backs(Visit? of) =>
            [.. inside[of].Where(v => !double.IsNaN(v.BackBegin)).OrderBy(v => v.BackBegin).Select(Back)];
        foreach (var phase in profile.Phases)
            yield return new(
                phase.Name,
                "step",
                phase.Begin,
                phase.End,
                phase.Name switch
                {
                    StepProfiler.Forward => [.. inside[null].Select(Forth)],
                    StepProfiler.Backward => Backs(null),
                    _ => [],
                }
            );
    }

    private static void Nest(Utf8JsonWriter json, Span span, double zero)
    {
        Event(json, span, "B", span.Begin - zero);
        foreach (var child in span.Inside)
            Nest(json, child, zero);
        Event(json, span, "E", span.End - zero);
    }

    private static void Event(Utf8JsonWriter json, Span span, string phase, double at)
    {
        json.WriteStartObject();
        json.WriteString("name", span.Name);
        json.WriteString("cat", span.Category);
        json.WriteString("ph", phase);
        json.WriteNumber("ts", Math.Round(at / Microsecond, 3));
        json.WriteNumber("pid", 1);
        json.WriteNumber("tid", 1);
        if (phase == "B" && span.Visit is { } visit)
        {
            json.WriteStartObject("args");
            json.WriteNumber("input elements", visit.InputElements);
            json.WriteNumber("output elements", visit.OutputElements);
            json.WriteNumber("forward FLOP of its own", visit.Work.FlopsAnElement * visit.OutputElements);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void Named(Utf8JsonWriter json, string what, string name)
    {
        json.WriteStartObject();
        json.WriteString("name", what);
        json.WriteString("ph", "M");
        json.WriteNumber("pid", 1);
        json.WriteNumber("tid", 1);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
