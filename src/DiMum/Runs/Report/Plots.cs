using ScottPlot;
using ScottPlot.TickGenerators;

namespace DiMum.Runs.Report;

/// <summary>A curve with its 95 % band.</summary>
internal sealed record Series(string Label, MethodLook Look, double[] X, double[] Y, double[] Low, double[] High);

/// <summary>A horizontal line to read curves against.</summary>
internal sealed record Guide(string Label, double Y, LinePattern Pattern);

/// <summary>An axis; one that <paramref name="IsShare"/> runs from 0 to 100 %.</summary>
internal sealed record Axis(string Label, bool IsShare);

/// <summary>A value with its 95 % interval on a row of its own.</summary>
internal sealed record Mark(string Label, MethodLook Look, double Value, double Low, double High);

/// <summary>How charts are drawn: ScottPlot, twice the pixels, the shipped font.</summary>
internal static class Plots
{
    private const int Width = 760;
    private const int PixelRatio = 2;

    /// <summary>Curves with bands and guides.</summary>
    public static byte[] Lines(Theme theme, string title, Axis x, Axis y, IReadOnlyList<Series> series, IReadOnlyList<Guide> guides)
    {
        ValueScale scale = y.IsShare ? new(false, 0, 1) : ValueScale.For(series, guides);
        using Plot plot = NewPlot(theme, title, x.Label, scale.IsLog ? y.Label + ", logarithmic" : y.Label);
        foreach (Series s in series)
        {
            AddSeries(plot, theme, s, scale);
        }
        foreach (Guide guide in guides)
        {
            var line = plot.Add.HorizontalLine(scale.At(guide.Y), 1.5f, Color.FromHex(theme.Ink), guide.Pattern);
            line.LegendText = guide.Label;
        }
        plot.Axes.AutoScale();
        if (x.IsShare)
        {
            plot.Axes.SetLimitsX(-0.02, 1.02);
            plot.Axes.Bottom.TickGenerator = PercentTicks();
        }
        if (y.IsShare)
        {
            plot.Axes.SetLimitsY(-0.03, 1.03);
            plot.Axes.Left.TickGenerator = PercentTicks();
        }
        else
        {
            scale.Apply(plot);
        }
        int legendRows = (series.Count + guides.Count + 2) / 3;
        return Render(plot, theme, 400 + 24 * legendRows, legend: true);
    }

    /// <summary>One row a mark, first on top: a point and its interval.</summary>
    public static byte[] Marks(Theme theme, string title, string xLabel, IReadOnlyList<Mark> marks)
    {
        using Plot plot = NewPlot(theme, title, xLabel, "");
        for (int i = 0; i < marks.Count; i++)
        {
            Mark mark = marks[i];
            Color color = Ink(mark.Look, theme);
            var interval = plot.Add.Line(mark.Low, -i, mark.High, -i);
            (interval.LineColor, interval.LineWidth) = (color, 2.5f);
            var point = plot.Add.Marker(mark.Value, -i, mark.Look.Marker, 11, color);
            point.MarkerStyle.LineColor = color;
            point.MarkerStyle.LineWidth = 2.5f;
        }
        plot.Axes.Left.TickGenerator = new NumericManual([.. marks.Select((_, i) => -(double)i)], [.. marks.Select(mark => mark.Label)]);
        double lowest = marks.Min(mark => Math.Min(mark.Low, mark.Value));
        double from = Math.Max(0, Math.Floor(10 * lowest - 0.5) / 10); // no bars, so no need to start at 0
        plot.Axes.Bottom.TickGenerator = PercentTicks(from > 0.5 ? 10 : 20);
        plot.Axes.SetLimits(from - 0.03 * (1 - from), 1 + 0.03 * (1 - from), -marks.Count + 0.4, 0.6);
        return Render(plot, theme, 120 + 34 * marks.Count, legend: false);
    }

    private static Plot NewPlot(Theme theme, string title, string xLabel, string yLabel)
    {
        ReportFont.Register();
        var plot = new Plot();
        plot.FigureBackground.Color = Color.FromHex(theme.Paper);
        plot.DataBackground.Color = Color.FromHex(theme.Paper);
        plot.Axes.Color(Color.FromHex(theme.Ink));
        plot.Grid.MajorLineColor = Color.FromHex(theme.GridLine);
        plot.Axes.Title.Label.Text = title;
        plot.Axes.Title.Label.FontSize = 19;
        plot.Axes.Title.Label.Bold = false;
        plot.Axes.Title.FullFigureCenter = true;
        plot.XLabel(xLabel, 17);
        plot.YLabel(yLabel, 17);
        plot.Axes.Bottom.Label.Bold = plot.Axes.Left.Label.Bold = false;
        plot.Axes.Bottom.TickLabelStyle.FontSize = plot.Axes.Left.TickLabelStyle.FontSize = 16;
        plot.Axes.Right.FrameLineStyle.Width = plot.Axes.Top.FrameLineStyle.Width = 0;
        return plot;
    }

    private static void AddSeries(Plot plot, Theme theme, Series s, ValueScale scale)
    {
        Color color = Ink(s.Look, theme);
        var band = plot.Add.FillY(s.X, [.. s.Low.Select(scale.At)], [.. s.High.Select(scale.At)]);
        band.FillColor = color.WithAlpha(theme.BandOpacity);
        band.LineWidth = 0;
        band.MarkerSize = 0;
        var curve = plot.Add.Scatter(s.X, [.. s.Y.Select(scale.At)], color);
        curve.LegendText = s.Label;
        curve.LineWidth = 2.5f;
        curve.LinePattern = s.Look.Line;
        curve.MarkerShape = s.Look.Marker;
        curve.MarkerSize = 10;
        curve.MarkerLineColor = color;
        curve.MarkerLineWidth = 2;
    }

    private static byte[] Render(Plot plot, Theme theme, int height, bool legend)
    {
        if (legend)
        {
            var panel = plot.ShowLegend(Edge.Bottom);
            panel.Alignment = Alignment.MiddleCenter;
            Legend box = plot.Legend;
            box.Orientation = Orientation.Horizontal;
            box.FontSize = 16;
            box.FontColor = Color.FromHex(theme.Ink);
            box.BackgroundColor = Color.FromHex(theme.Paper);
            box.OutlineWidth = 0;
            box.ShadowColor = Colors.Transparent;
            box.SymbolWidth = 34;
            box.TightHorizontalWrapping = true;
        }
        plot.Font.Set(ReportFont.Family);
        plot.Legend.FontName = ReportFont.Family;
        plot.ScaleFactor = PixelRatio;
        return plot.GetImageBytes(Width * PixelRatio, height * PixelRatio, ImageFormat.Png);
    }

    private static NumericManual PercentTicks(int percentApart = 20)
    {
        int[] ticks = [.. Enumerable.Range(0, 100 / percentApart + 1).Select(i => i * percentApart)];
        return new NumericManual([.. ticks.Select(tick => tick / 100.0)], [.. ticks.Select(tick => $"{tick} %")]);
    }

    private static Color Ink(MethodLook look, Theme theme) => Color.FromHex(look.Hex).MixedWith(Colors.White, theme.Lift);
}
