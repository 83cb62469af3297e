using System.IO.Enumeration;
using DiMum.Nets;
using static TorchSharp.torch;

namespace DiMum.Unlearning;

/// <summary>
/// Which weights a method may move, told by their names: all, a group by the name that released code gives it, or those that match patterns. One
/// idea for all methods; none of them has code for it.
/// </summary>
/// <param name="Name">As settings write it.</param>
/// <param name="Includes">Whether a weight of this name is selected.</param>
public sealed record ParameterSelection(string Name, Func<string, bool> Includes)
{
    public static ParameterSelection All { get; } = new("all", _ => true);

    public static ParameterSelection CrossAttention { get; } =
        new("cross-attention", name => name.Contains("attn2", StringComparison.Ordinal));

    // The groups of ESD, SalUn, EraseDiff and Scissorhands (UnlearnCanvas@920cfd1) and of concept ablation, told there by CompVis names and here by
    // diffusers'. xlayer and selflayer name places of the v1.5 network.
    private static readonly Dictionary<string, string> Groups = new()
    {
        ["full"] = "*",
        ["xattn"] = "*attn2*",
        ["noxattn"] = "!*attn2*,!time_embedding.*,!conv_norm_out.*,!conv_out.*",
        ["selfattn"] = "*attn1*",
        ["notime"] = "!time_embedding.*,!conv_norm_out.*,!conv_out.*",
        ["xlayer"] = "up_blocks.2.attentions.0.*attn2*,up_blocks.2.attentions.2.*attn2*",
        ["selflayer"] = "down_blocks.1.attentions.0.*attn1*,down_blocks.2.attentions.0.*attn1*",
        ["cross-attention-kv"] = "*attn2.to_k.*,*attn2.to_v.*",
    };

    /// <summary>Names of the groups.</summary>
    public static IReadOnlyCollection<string> GroupNames => Groups.Keys;

    /// <summary>
    /// <c>all</c>, <c>cross-attention</c>, one of <see cref="GroupNames"/>, or patterns with <c>*</c> and <c>?</c>, apart by commas; one that begins with <c>!</c> takes away:
    /// <c>*attn*,!*.bias</c>, or <c>!*attn*</c> for everything else.
    /// </summary>
    public static ParameterSelection Parse(string text)
    {
        if (text == All.Name)
            return All;
        if (text == CrossAttention.Name)
            return CrossAttention;
        var patterns = Groups
            .GetValueOrDefault(text, text)
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (patterns.Length == 0)
            throw new UserError("parameters is empty; expected all, cross-attention or a name pattern such as *attn*");
        bool Matches(string pattern, string name) => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
        var (without, with) = (
            patterns.Where(p => p[0] == '!').Select(p => p[1..]).ToList(),
            patterns.Where(p => p[0] != '!').DefaultIfEmpty("*").ToList()
        );
        return new(text, name => with.Any(p => Matches(p, name)) && !without.Any(p => Matches(p, name)));
    }

    /// <summary>The selected ones of a network's weights.</summary>
    /// <exception cref="UserError">It selects nothing.</exception>
    public IReadOnlyList<Parameter> Chosen(IReadOnlyList<Parameter> all)
    {
        var chosen = all.Where(p => Includes(p.Name)).ToList();
        return chosen.Count > 0
            ? chosen
            : throw new UserError(
                $"parameters is '{Name}', which selects none of this network's {all.Count} weights; "
                    + $"give a pattern of their names, such as *{all[^1].Name}"
            );
    }

    /// <summary>[n] of 1 for the selected weights, else 0; null where all are.</summary>
    /// <exception cref="UserError">It selects nothing.</exception>
    public Tensor? Mask(ParameterVector parameters)
    {
        var chosen = Chosen(parameters.Entries);
        if (chosen.Count == parameters.Entries.Count)
            return null;
        var mask = zeros_like(parameters.Values);
        foreach (var p in chosen)
        {
            using var part = mask.narrow(0, p.Offset, p.Count);
            part.fill_(1);
        }

        return mask;
    }
}
