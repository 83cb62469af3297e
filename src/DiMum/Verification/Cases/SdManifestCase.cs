using DiMum.Nets;
using DiMum.StableDiffusion;

namespace DiMum.Verification.Cases;

/// <summary>Names, shapes and order of Stable Diffusion v1.5's parameters, in diffusers' and in CompVis' naming.</summary>
internal static class SdManifestCase
{
    public static void Run(CaseRun run)
    {
        var (unet, autoencoder, text) = (new UNet2DConditionConfig(), new AutoencoderConfig(), new ClipTextConfig());
        var prefixes = run.File.Expected("prefixes_in_a_CompVis_checkpoint");
        Text(run.Check, prefixes["unet"], CompVisNames.UNetPrefix);
        Text(run.Check, prefixes["vae"], CompVisNames.AutoencoderPrefix);
        Text(run.Check, prefixes["text_encoder"], CompVisNames.TextEncoderPrefix);
        Network(run, "unet", UNet2DConditionModel.Declared(unet), p => (CompVisNames.UNet(p.Name, unet), p.Shape));
        Network(
            run,
            "vae",
            AutoencoderKL.Declared(autoencoder),
            p => (CompVisNames.Autoencoder(p.Name, autoencoder), CompVisNames.AutoencoderShape(p.Name, p.Shape))
        );
        Network(run, "text_encoder", ClipTextEncoder.Declared(text), p => (p.Name, p.Shape));
    }

    private static void Network(
        CaseRun run,
        string member,
        IReadOnlyList<Parameter> parameters,
        Func<Parameter, (string Name, long[] Shape)> compVis
    )
    {
        var node = run.File.Expected(member);
        var rows = node["rows"].Use().Items();
        run.Check.Number(node["tensors"], parameters.Count);
        run.Check.Number(node["elements"], parameters.Sum(p => p.Count));
        if (node.Find("elements_compvis") is { } others)
            run.Check.Number(others, parameters.Sum(p => compVis(p).Shape.Aggregate(1L, (product, n) => product * n)));
        run.Check.Require(rows.Count == parameters.Count, node.Path, $"got {parameters.Count} parameters, expected {rows.Count}");
        foreach (var (row, p) in rows.Zip(parameters))
        {
            var cells = row.Items();
            var (name, shape) = compVis(p);
            run.Check.Require(
                cells[0].Text() == p.Name && cells[1].Text() == name && cells[2].Integers().SequenceEqual(p.Shape),
                row.Path,
                $"got {p.Name}, {name} [{string.Join(',', p.Shape)}]"
            );
            var other = (cells.Count > 3 ? cells[3] : cells[2]).Integers();
            run.Check.Require(other.SequenceEqual(shape), row.Path, $"got the CompVis shape [{string.Join(',', shape)}]");
        }

        node.Find("table_equals_diffusers_script")?.Use(); // a check made when the file was
        OpenAi(run, node, parameters);
    }

    private static void OpenAi(CaseRun run, GoldenNode node, IReadOnlyList<Parameter> parameters)
    {
        if (node.Find("openai_clip_pairs") is not { } pairs)
            return;
        var names = parameters.Select(p => p.Name).ToHashSet();
        foreach (var pair in pairs.Use().Items())
        {
            var texts = pair.Texts();
            run.Check.Require(names.Remove(texts[0]) && OpenAiNames.Of(texts[0]) == texts[1], pair.Path, $"got {OpenAiNames.Of(texts[0])}");
        }

        run.Check.Require(names.Count == 0, pairs.Path, $"{names.Count} parameters are not in the table");
        node.Find("openai_clip_columns")?.Use();
        node.Find("extra_buffer_in_old_checkpoints")?.Use(); // no parameter: 0…76, ignored on reading
    }

    private static void Text(Checker check, GoldenNode want, string got) =>
        check.Require(want.Text() == got, want.Path, $"got '{got}', expected '{want.Text()}'");
}
