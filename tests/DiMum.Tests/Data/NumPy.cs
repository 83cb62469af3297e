using System.IO.Compression;
using System.Text;

namespace DiMum.Tests.Data;

/// <summary>Files as NumPy writes them.</summary>
internal static class NumPy
{
    public static byte[] Npy(double[] values, int axes = 0) =>
        Npy(
            "<f8",
            axes == 2 ? $"({(int)Math.Sqrt(values.Length)}, {(int)Math.Sqrt(values.Length)})"
                : axes == 1 ? "(1, 1)"
                : $"({values.Length},)",
            [.. values.SelectMany(BitConverter.GetBytes)]
        );

    public static byte[] Npy(string type, string shape, byte[] data)
    {
        var header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}".PadRight(117) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.ASCII.GetBytes(header), .. data];
    }

    public static byte[] Npz(params (string Name, byte[] Data)[] arrays)
    {
        using var target = new MemoryStream();
        using (var zip = new ZipArchive(target, ZipArchiveMode.Create))
            foreach (var (name, data) in arrays)
            {
                using var entry = zip.CreateEntry(name + ".npy").Open();
                entry.Write(data);
            }

        return target.ToArray();
    }
}
