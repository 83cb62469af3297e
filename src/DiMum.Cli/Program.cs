using DiMum;
using DiMum.Cli;

if (NativeSettings.Wanted(args))
{
    NativeSettings.Ensure();
    NativeHeap.Keep();
    LibtorchLog.ErrorsOnly();
}

return Commands.Invoke(args);
