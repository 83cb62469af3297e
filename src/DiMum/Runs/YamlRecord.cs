using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace DiMum.Runs;

/// <summary>
/// YAML to immutable records and back, strictly: a key that no property has is an error that names the nearest one; a value of the wrong kind
/// is an error that says what was expected. Keys are property names with hyphens (<c>guidance-weight</c>).
/// </summary>
public static class YamlRecord
{
    /// <summary>Parses a document into a tree.</summary>
    public static YamlMappingNode Parse(string text, string source)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new UserError($"{source}: not valid YAML at line {e.Start.Line}, column {e.Start.Column}: {e.Message.Split('\n')[0]}", e);
        }

        if (stream.Documents.Count == 0)
            return [];
        return stream.Documents[0].RootNode as YamlMappingNode
            ?? throw new UserError($"{source}: expected keys and values at the top, one «key: value» a line");
    }

    /// <summary>A record of type <typeparamref name="T"/> from a tree.</summary>
    public static T Bind<T>(YamlMappingNode node, string source) => (T)Bind(typeof(T), node, source, "");

    /// <summary>Sets one value in a tree: <c>pretrain.iterations=100</c>; list elements by index or by their <c>name</c>.</summary>
    public static void Set(YamlMappingNode root, string assignment)
    {
        var equals = assignment.IndexOf('=');
        if (equals < 1)
            throw new UserError($"--set {assignment}: expected KEY=VALUE, for example --set pretrain.iterations=100");
        var path = assignment[..equals].Split('.');
        var text = assignment[(equals + 1)..];
        var value = Parse($"v: {(text.Length == 0 ? "''" : text)}", $"--set {assignment}").Children[new YamlScalarNode("v")];
        YamlNode at = root;
        for (var i = 0; i < path.Length; i++)
            at = Descend(at, path[i], i == path.Length - 1 ? value : null, assignment);
    }

    /// <summary>The record as YAML, every value written out.</summary>
    public static string Write(object record)
    {
        var text = new StringBuilder();
        Write(text, record, 0);
        return text.ToString();
    }

    /// <summary>guidance-weight from GuidanceWeight.</summary>
    public static string Key(string name) =>
        string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i == 0 ? "" : "-") + char.ToLowerInvariant(c) : c.ToString()));

    private static YamlNode Descend(YamlNode at, string key, YamlNode? value, string assignment)
    {
        switch (at)
        {
            case YamlMappingNode map:
                var name = new YamlScalarNode(key);
                if (value is not null)
                    map.Children[name] = value;
                else if (!map.Children.ContainsKey(name))
                    map.Children[name] = new YamlMappingNode();
                return map.Children[name];
            case YamlSequenceNode list:
                var index = int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var n)
                    ? n
                    : list
                        .Children.ToList()
                        .FindIndex(c =>
                            c is YamlMappingNode m && m.Children.TryGetValue(new YamlScalarNode("name"), out var v) && $"{v}" == key
                        );
                if (index < 0 || index >= list.Children.Count)
                    throw new UserError($"--set {assignment}: the list has no element '{key}'; it has {list.Children.Count} elements");
                if (value is not null)
                    list.Children[index] = value;
                return list.Children[index];
            default:
                throw new UserError($"--set {assignment}: '{key}' lies below a plain value");
        }
    }

    private static object Bind(Type type, YamlNode node, string source, string path)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner)
            return node is YamlScalarNode { Value: null or "" or "null" or "~" } ? null! : Bind(inner, node, source, path);
        if (IsRecord(type))
            return BindRecord(type, node, source, path);
        if (ElementOf(type) is { } element)
        {
            var items = node is YamlSequenceNode sequence ? sequence.Children : [node];
            var array = Array.CreateInstance(element, items.Count);
            for (var i = 0; i < items.Count; i++)
                array.SetValue(Bind(element, items[i], source, $"{path}[{i}]"), i);
            return array;
        }

        return BindScalar(type, node, source, path);
    }

    private static object BindRecord(Type type, YamlNode node, string source, string path)
    {
        if (node is not YamlMappingNode map)
            throw new UserError($"{source}:{node.Start.Line}: '{path}' expects keys below it, not a plain value");
        var properties = Properties(type).ToDictionary(p => Key(p.Name));
        var result = Activator.CreateInstance(type)!;
        foreach (var (keyNode, value) in map.Children)
        {
            var key = ((YamlScalarNode)keyNode).Value ?? "";
            var full = path.Length == 0 ? key : $"{path}.{key}";
            if (!properties.TryGetValue(key, out var property))
            {
                var nearest = Nearest.Of(key, properties.Keys);
                var hint = nearest is null ? $"known here: {string.Join(", ", properties.Keys)}" : $"did you mean '{nearest}'?";
                throw new UserError($"{source}:{keyNode.Start.Line}: unknown key '{full}'; {hint}");
            }

            property.SetValue(result, Bind(property.PropertyType, value, source, full));
        }

        return result;
    }

    private static object BindScalar(Type type, YamlNode node, string source, string path)
    {
        if (node is not YamlScalarNode { Value: { } text } scalar)
            throw new UserError($"{source}:{node.Start.Line}: '{path}' expects one plain value");
        if (type == typeof(string))
            return text is "null" or "~" && scalar.Style == ScalarStyle.Plain ? null! : text;
        var invariant = CultureInfo.InvariantCulture;
        object? value = null;
        var plain = text.Replace("_", "");
        if (type == typeof(int) && int.TryParse(plain, NumberStyles.Integer, invariant, out var i))
            value = i;
        else if (type == typeof(long) && long.TryParse(plain, NumberStyles.Integer, invariant, out var l))
            value = l;
        else if (type == typeof(double) && double.TryParse(plain, NumberStyles.Float, invariant, out var d) && double.IsFinite(d))
            value = d;
        else if (type == typeof(bool) && bool.TryParse(text, out var b))
            value = b;
        else if (type.IsEnum)
            value = Enum.GetValues(type).Cast<object>().FirstOrDefault(e => Key($"{e}") == text);
        var expected = type.IsEnum
            ? string.Join(" or ", Enum.GetNames(type).Select(Key))
            : type.Name switch
            {
                "Int32" or "Int64" => "a whole number",
                "Double" => "a number",
                "Boolean" => "true or false",
                _ => type.Name,
            };
        return value ?? throw new UserError($"{source}:{node.Start.Line}: '{path}' is '{text}'; expected {expected}");
    }

    private static void Write(StringBuilder text, object record, int depth, string first = "")
    {
        var indent = new string(' ', depth * 2);
        foreach (var property in Properties(record.GetType()))
        {
            var value = property.GetValue(record);
            text.Append(first.Length > 0 ? first : indent).Append(Key(property.Name)).Append(':');
            first = "";
            if (value is not null && IsRecord(value.GetType()))
            {
                text.Append('\n');
                Write(text, value, depth + 1);
            }
            else if (
                ElementOf(property.PropertyType) is { } element
                && IsRecord(element)
                && value is IEnumerable list
                && list.Cast<object>().Any()
            )
            {
                text.Append('\n');
                foreach (var item in list)
                    Write(text, item, depth + 2, $"{indent}  - ");
            }
            else if (value is IEnumerable items and not string)
                text.Append($" [{string.Join(", ", items.Cast<object>().Select(Scalar))}]\n");
            else
                text.Append(' ').Append(Scalar(value)).Append('\n');
        }
    }

    private static string Scalar(object? value) =>
        value switch
        {
            null => "null",
            bool b => b ? "true" : "false",
            Enum e => Key($"{e}"),
            string s => IsPlain(s) ? s : Quoted(s),
            IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
            _ => $"{value}",
        };

    private static bool IsPlain(string s) =>
        s.Length > 0
        && s[0] != '-'
        && s.All(c => char.IsLetterOrDigit(c) || "-_./".Contains(c))
        && !s.Equals("null", StringComparison.Ordinal);

    // A line break or control character inside quotes would be folded or refused: they are written as escapes.
    private static string Quoted(string s)
    {
        var text = new StringBuilder("\"");
        foreach (var c in s)
            if (c is '\\' or '"')
                text.Append('\\').Append(c);
            else if (char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                text.Append(c);
        return text.Append('"').ToString();
    }

    private static IEnumerable<PropertyInfo> Properties(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite).OrderBy(p => p.MetadataToken);

    private static bool IsRecord(Type type) => type.IsClass && type.GetMethod("<Clone>$") is not null;

    private static Type? ElementOf(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) ? type.GetGenericArguments()[0] : null;
}
