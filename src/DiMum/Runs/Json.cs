using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DiMum.Runs;

/// <summary>The JSON of run folders: indented or a line each, enums by name, numbers round-trip.</summary>
public static class Json
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter() },
    };

    private static readonly JsonSerializerOptions Compact = new(Indented) { WriteIndented = false };

    public static string Write<T>(T value) => JsonSerializer.Serialize(value, Indented);

    public static string Line<T>(T value) => JsonSerializer.Serialize(value, Compact);

    public static T Read<T>(string text, string source)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(text, Indented) ?? throw new UserError($"{source}: empty; delete it and run again");
        }
        catch (JsonException e)
        {
            throw new UserError($"{source}: damaged ({e.Message.Split('\n')[0]}); delete it and run again", e);
        }
    }
}
