using System.Xml;
using System.Xml.Linq;

namespace DiMum.Runs.Report;

/// <summary>A safe HTML builder: System.Xml.Linq escapes all text and closes all elements; this adds what HTML asks beyond XML.</summary>
internal static class Html
{
    private static readonly HashSet<string> Void = ["br", "col", "hr", "img", "meta", "source"];

    /// <summary>
    /// An element whose content may be text, elements, attributes (<see cref="At"/>) or sequences of those; null is left out.
    /// </summary>
    public static XElement El(string name, params object?[] content) => new(name, [.. content.Select(Safe)]);

    public static XAttribute At(string name, string value) => new(name, Printable(value));

    public static XAttribute Class(string names) => At("class", names);

    /// <summary>Our own prose, in which AR_u, AR_a and AR_alt are set with subscripts.</summary>
    public static object[] Prose(string text) =>
        [
            .. text.Split("AR_")
                .SelectMany(
                    (part, i) =>
                        i == 0 ? [Printable(part)] : new object[] { "AR", El("sub", Word(part)), Printable(part[Word(part).Length..]) }
                ),
        ];

    public static XElement P(string text) => El("p", Prose(text));

    /// <summary>The whole document. Elements that HTML does not know as void get an end tag even where they are empty.</summary>
    public static string Document(XElement html)
    {
        foreach (XElement empty in html.Descendants().Where(e => e.IsEmpty && !Void.Contains(e.Name.LocalName)))
        {
            empty.Value = "";
        }
        return "<!DOCTYPE html>\n" + html.ToString(SaveOptions.DisableFormatting) + "\n";
    }

    /// <summary>Text without the control characters that no document may hold.</summary>
    public static string Printable(string text) =>
        text.All(XmlConvert.IsXmlChar) ? text : string.Concat(text.Select(c => XmlConvert.IsXmlChar(c) ? c : '\ufffd'));

    private static object? Safe(object? content) =>
        content switch
        {
            string text => Printable(text),
            object?[] many => many.Select(Safe).ToArray(),
            _ => content,
        };

    private static string Word(string text) => string.Concat(text.TakeWhile(char.IsAsciiLetterLower));
}
