using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Diffusion;

/// <summary>
/// Where randomness comes from: a 64-bit value derived by hashing (run seed, purpose, step). There is no generator state to carry along,
/// so a resumed run draws what an uninterrupted one draws, and two methods under one run seed see the same retain batches, times and noises.
/// </summary>
public readonly record struct Seed(long Value)
{
    /// <summary>The seed of one purpose at one step: first 8 bytes of SHA-256(value ‖ step ‖ purpose), sign bit cleared.</summary>
    public Seed At(string purpose, long step = 0)
    {
        Span<byte> input = stackalloc byte[16 + Encoding.UTF8.GetByteCount(purpose)];
        BinaryPrimitives.WriteInt64LittleEndian(input, Value);
        BinaryPrimitives.WriteInt64LittleEndian(input[8..], step);
        Encoding.UTF8.GetBytes(purpose, input[16..]);
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(input, hash);
        return new(BinaryPrimitives.ReadInt64LittleEndian(hash) & long.MaxValue);
    }

    /// <summary>A fresh CPU generator of this seed. CPU by default on every device, so that devices agree.</summary>
    public Generator Generator() => new((ulong)Value, CPU);

    /// <summary>Seeds the global generators, which dropout draws from: call at every step that may drop out.</summary>
    public void SeedGlobal()
    {
        random.manual_seed(Value);
        if (cuda.is_available())
            cuda.manual_seed_all(Value);
    }
}
