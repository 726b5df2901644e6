@echo off
rem Double-click to write 60 samples a second as JSON lines into your Documents folder, until you close this window or
rem press Ctrl-C. This runs "read". To keep every physics step instead, run: uv run main.py record drive.mcap
setlocal
cd /d "%~dp0.."
where uv >nul 2>nul || (
  echo This needs uv. Install it with:  winget install astral-sh.uv
  pause
  exit /b 1
)
for /f %%i in ('powershell -NoProfile -Command "Get-Date -Format yyyy-MM-dd_HH-mm-ss"') do set NOW=%%i
uv run main.py read --rate 60 --json-output "%USERPROFILE%\Documents\telemetry_%NOW%.jsonl.zst"
pause
