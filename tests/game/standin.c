/* A stand-in for the running game: publishes the three pages as acs.exe does, in named mappings of Windows.
 *
 * The structures below are declared for the game's own compiler: text of two-byte wchar_t, packed to 4. They share
 * nothing with the Python declarations, so that one can be held against the other (--layout).
 *
 * Every word of the physics page holds packetId plus the word's index, as the type that the field has; in the
 * graphics page the wind goes with packetId. A copy for which that does not hold was torn.
 *
 * It says "ready" once the mappings exist. Lines on standard input tell it what the player does: "pause", "replay",
 * "live", "exit" (orderly: graphics is written once more, with status 0 and garbage text) or "crash" (nothing more is
 * written; its exit status is 3). At its end it says "physics N graphics N": the packetIds that it wrote last.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* --- the pages ---------------------------------------------------------------------------------------------------- */

/* FIELD(type, name, dimensions) */
#define PHYSICS_FIELDS \
    FIELD(int32_t, packetId, ) \
    FIELD(float, gas, ) \
    FIELD(float, brake, ) \
    FIELD(float, fuel, ) \
    FIELD(int32_t, gear, ) \
    FIELD(int32_t, rpms, ) \
    FIELD(float, steerAngle, ) \
    FIELD(float, speedKmh, ) \
    FIELD(float, velocity, [3]) \
    FIELD(float, accG, [3]) \
    FIELD(float, wheelSlip, [4]) \
    FIELD(float, wheelLoad, [4]) \
    FIELD(float, wheelsPressure, [4]) \
    FIELD(float, wheelAngularSpeed, [4]) \
    FIELD(float, tyreWear, [4]) \
    FIELD(float, tyreDirtyLevel, [4]) \
    FIELD(float, tyreCoreTemperature, [4]) \
    FIELD(float, camberRAD, [4]) \
    FIELD(float, suspensionTravel, [4]) \
    FIELD(float, drs, ) \
    FIELD(float, tc, ) \
    FIELD(float, heading, ) \
    FIELD(float, pitch, ) \
    FIELD(float, roll, ) \
    FIELD(float, cgHeight, ) \
    FIELD(float, carDamage, [5]) \
    FIELD(int32_t, numberOfTyresOut, ) \
    FIELD(int32_t, pitLimiterOn, ) \
    FIELD(float, abs, ) \
    FIELD(float, kersCharge, ) \
    FIELD(float, kersInput, ) \
    FIELD(int32_t, autoShifterOn, ) \
    FIELD(float, rideHeight, [2]) \
    FIELD(float, turboBoost, ) \
    FIELD(float, ballast, ) \
    FIELD(float, airDensity, ) \
    FIELD(float, airTemp, ) \
    FIELD(float, roadTemp, ) \
    FIELD(float, localAngularVel, [3]) \
    FIELD(float, finalFF, ) \
    FIELD(float, performanceMeter, ) \
    FIELD(int32_t, engineBrake, ) \
    FIELD(int32_t, ersRecoveryLevel, ) \
    FIELD(int32_t, ersPowerLevel, ) \
    FIELD(int32_t, ersHeatCharging, ) \
    FIELD(int32_t, ersIsCharging, ) \
    FIELD(float, kersCurrentKJ, ) \
    FIELD(int32_t, drsAvailable, ) \
    FIELD(int32_t, drsEnabled, ) \
    FIELD(float, brakeTemp, [4]) \
    FIELD(float, clutch, ) \
    FIELD(float, tyreTempI, [4]) \
    FIELD(float, tyreTempM, [4]) \
    FIELD(float, tyreTempO, [4]) \
    FIELD(int32_t, isAIControlled, ) \
    FIELD(float, tyreContactPoint, [4][3]) \
    FIELD(float, tyreContactNormal, [4][3]) \
    FIELD(float, tyreContactHeading, [4][3]) \
    FIELD(float, brakeBias, ) \
    FIELD(float, localVelocity, [3]) \
    FIELD(int32_t, P2PActivations, ) \
    FIELD(int32_t, P2PStatus, ) \
    FIELD(int32_t, currentMaxRpm, )

#define GRAPHICS_FIELDS \
    FIELD(int32_t, packetId, ) \
    FIELD(int32_t, status, ) \
    FIELD(int32_t, session, ) \
    FIELD(wchar_t, currentTime, [15]) \
    FIELD(wchar_t, lastTime, [15]) \
    FIELD(wchar_t, bestTime, [15]) \
    FIELD(wchar_t, split, [15]) \
    FIELD(int32_t, completedLaps, ) \
    FIELD(int32_t, position, ) \
    FIELD(int32_t, iCurrentTime, ) \
    FIELD(int32_t, iLastTime, ) \
    FIELD(int32_t, iBestTime, ) \
    FIELD(float, sessionTimeLeft, ) \
    FIELD(float, distanceTraveled, ) \
    FIELD(int32_t, isInPit, ) \
    FIELD(int32_t, currentSectorIndex, ) \
    FIELD(int32_t, lastSectorTime, ) \
    FIELD(int32_t, numberOfLaps, ) \
    FIELD(wchar_t, tyreCompound, [33]) \
    FIELD(float, replayTimeMultiplier, ) \
    FIELD(float, normalizedCarPosition, ) \
    FIELD(float, carCoordinates, [3]) \
    FIELD(float, penaltyTime, ) \
    FIELD(int32_t, flag, ) \
    FIELD(int32_t, idealLineOn, ) \
    FIELD(int32_t, isInPitLane, ) \
    FIELD(float, surfaceGrip, ) \
    FIELD(int32_t, mandatoryPitDone, ) \
    FIELD(float, windSpeed, ) \
    FIELD(float, windDirection, ) \
    FIELD(int32_t, timeLimitSessionLeft, ) \
    FIELD(int32_t, isEscMenuVisible, )

#define STATIC_FIELDS \
    FIELD(wchar_t, smVersion, [15]) \
    FIELD(wchar_t, acVersion, [15]) \
    FIELD(int32_t, numberOfSessions, ) \
    FIELD(int32_t, numCars, ) \
    FIELD(wchar_t, carModel, [33]) \
    FIELD(wchar_t, track, [33]) \
    FIELD(wchar_t, playerName, [33]) \
    FIELD(wchar_t, playerSurname, [33]) \
    FIELD(wchar_t, playerNick, [33]) \
    FIELD(int32_t, sectorCount, ) \
    FIELD(float, maxTorque, ) \
    FIELD(float, maxPower, ) \
    FIELD(int32_t, maxRpm, ) \
    FIELD(float, maxFuel, ) \
    FIELD(float, suspensionMaxTravel, [4]) \
    FIELD(float, tyreRadius, [4]) \
    FIELD(float, maxTurboBoost, ) \
    FIELD(float, deprecated_1, ) \
    FIELD(float, deprecated_2, ) \
    FIELD(int32_t, penaltiesEnabled, ) \
    FIELD(float, aidFuelRate, ) \
    FIELD(float, aidTireRate, ) \
    FIELD(float, aidMechanicalDamage, ) \
    FIELD(int32_t, aidAllowTyreBlankets, ) \
    FIELD(float, aidStability, ) \
    FIELD(int32_t, aidAutoClutch, ) \
    FIELD(int32_t, aidAutoBlip, ) \
    FIELD(int32_t, hasDRS, ) \
    FIELD(int32_t, hasERS, ) \
    FIELD(int32_t, hasKERS, ) \
    FIELD(float, kersMaxJ, ) \
    FIELD(int32_t, engineBrakeSettingsCount, ) \
    FIELD(int32_t, ersPowerControllerCount, ) \
    FIELD(float, trackSPlineLength, ) \
    FIELD(wchar_t, trackConfiguration, [33]) \
    FIELD(float, ersMaxJ, ) \
    FIELD(int32_t, isTimedRace, ) \
    FIELD(int32_t, hasExtraLap, ) \
    FIELD(wchar_t, carSkin, [33]) \
    FIELD(int32_t, reversedGridPositions, ) \
    FIELD(int32_t, pitWindowStart, ) \
    FIELD(int32_t, pitWindowEnd, )

#define FIELD(type, name, dimensions) type name dimensions;
#pragma pack(push, 4)
typedef struct { PHYSICS_FIELDS } Physics;
typedef struct { GRAPHICS_FIELDS } Graphics;
typedef struct { STATIC_FIELDS } Static;
#pragma pack(pop)
#undef FIELD

_Static_assert(sizeof(wchar_t) == 2, "the game's text is in UTF-16");
_Static_assert(sizeof(Physics) == 592 && sizeof(Graphics) == 304 && sizeof(Static) == 684, "the game's sizes");

static void print_layout(void)
{
#define FIELD(type, name, dimensions) \
    printf(PAGE " %s %u %u\n", #name, (unsigned)offsetof(STRUCT, name), (unsigned)sizeof(((STRUCT *)0)->name));
#define PAGE "physics"
#define STRUCT Physics
    PHYSICS_FIELDS
#undef PAGE
#undef STRUCT
#define PAGE "graphics"
#define STRUCT Graphics
    GRAPHICS_FIELDS
#undef PAGE
#undef STRUCT
#define PAGE "static"
#define STRUCT Static
    STATIC_FIELDS
#undef PAGE
#undef STRUCT
#undef FIELD
    printf("physics sizeof 0 %u\n", (unsigned)sizeof(Physics));
    printf("graphics sizeof 0 %u\n", (unsigned)sizeof(Graphics));
    printf("static sizeof 0 %u\n", (unsigned)sizeof(Static));
}

/* --- what is written ---------------------------------------------------------------------------------------------- */

enum { OFF, REPLAY, LIVE, PAUSE, CRASHED }; /* the first four are the game's */

static void fill_physics(Physics *page, int32_t packet)
{
    int32_t word = 0;
#define int32_t_WORD(address) (*(int32_t *)(address) = packet + word)
#define float_WORD(address) (*(float *)(address) = (float)(packet + word))
#define FIELD(type, name, dimensions) \
    for (size_t at = 0; at < sizeof page->name; at += 4, word++) \
        type##_WORD((char *)page + offsetof(Physics, name) + at);
    PHYSICS_FIELDS
#undef FIELD
}

/* A lap of 20 s at 60 frames a second and 50 m/s, driven again and again. */
static void fill_graphics(Graphics *page, int32_t packet, int32_t status, int32_t driven)
{
    const int32_t in_lap = driven % 1200, laps = driven / 1200;
    const int32_t now = in_lap * 50 / 3, last = laps ? 20000 : 0;

    memset(page, 0, sizeof *page);
    page->packetId = packet;
    page->status = status;
    swprintf(page->currentTime, 15, L"0:%02d:%03d", (int)(now / 1000), (int)(now % 1000));
    wcscpy(page->lastTime, laps ? L"0:20:000" : L"-:--:---");
    wcscpy(page->bestTime, laps ? L"0:20:000" : L"-:--:---");
    wcscpy(page->split, L" ");
    page->completedLaps = laps;
    page->position = 1;
    page->iCurrentTime = now;
    page->iLastTime = last;
    page->iBestTime = last;
    page->sessionTimeLeft = (float)driven * -50.0f / 3.0f;
    page->distanceTraveled = (float)driven * 50.0f / 60.0f;
    page->currentSectorIndex = in_lap / 400;
    page->lastSectorTime = laps || in_lap >= 400 ? 6666 : 0;
    wcscpy(page->tyreCompound, L"Semislicks (SM)");
    page->replayTimeMultiplier = 1.0f;
    page->normalizedCarPosition = (float)in_lap / 1200.0f;
    page->carCoordinates[0] = (float)driven;
    page->carCoordinates[1] = (float)driven + 1.0f;
    page->carCoordinates[2] = (float)driven + 2.0f;
    page->surfaceGrip = 0.98f;
    page->windSpeed = (float)(packet % 40);
    page->windDirection = (float)(packet % 360);
    page->timeLimitSessionLeft = -1;
}

static void fill_graphics_at_exit(Graphics *page)
{
    memset(page, 0, sizeof *page);
    for (wchar_t *text = page->currentTime; text < page->split + 15; text++)
        *text = (wchar_t)(0xD7A5 + 37 * (text - page->currentTime)); /* no NUL, surrogates that stand alone */
    page->timeLimitSessionLeft = -1;
}

static void fill_static(Static *page, const wchar_t *version)
{
    memset(page, 0, sizeof *page);
    wcscpy(page->smVersion, version);
    wcscpy(page->acVersion, L"1.16.4");
    page->numberOfSessions = 1;
    page->numCars = 1;
    wcscpy(page->carModel, L"standin_car");
    wcscpy(page->track, L"standin_track");
    wcscpy(page->playerName, L"Zo\u00eb \u65e5\u672c \U0001F3CE");
    wcscpy(page->playerSurname, page->playerName);
    wcscpy(page->playerNick, page->playerName);
    page->sectorCount = 3;
    page->maxTorque = 400.0f;
    page->maxPower = 300000.0f;
    page->maxRpm = 8500;
    page->maxFuel = 70.0f;
    for (int wheel = 0; wheel < 4; wheel++) {
        page->suspensionMaxTravel[wheel] = 0.1f + 0.01f * (float)wheel;
        page->tyreRadius[wheel] = 0.3f + 0.01f * (float)wheel;
    }
    page->aidFuelRate = 1.0f;
    page->aidTireRate = 1.0f;
    page->aidMechanicalDamage = 1.0f;
    page->trackSPlineLength = 1000.0f;
    wcscpy(page->trackConfiguration, L"abcdefghijklmnopqrstuvwxyzabcdef"); /* as long as a name can be */
    wcscpy(page->carSkin, L"standin_skin");
}

/* --- the running game --------------------------------------------------------------------------------------------- */

static volatile LONG wanted = LIVE;

static int64_t microseconds(void)
{
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    const int64_t whole = count.QuadPart / frequency.QuadPart, rest = count.QuadPart % frequency.QuadPart;
    return whole * 1000000 + rest * 1000000 / frequency.QuadPart;
}

static void *create_page(const char *prefix, const char *name, DWORD size)
{
    wchar_t full[128];
    swprintf(full, 128, L"%hsacpmf_%hs", prefix, name);
    HANDLE mapping = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, size, full);
    void *page = mapping ? MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0) : NULL;
    if (!page) {
        fprintf(stderr, "cannot create %ls: error %lu\n", full, GetLastError());
        exit(1);
    }
    return page;
}

/* Word by word in the order of the fields, spread over so many microseconds: a reader can see any part of it. */
static void publish(void *page, const void *content, size_t size, int64_t duration)
{
    const int64_t begin = duration ? microseconds() : 0;
    const size_t words = size / 4;
    for (size_t word = 0; word < words; word++) {
        uint32_t value;
        memcpy(&value, (const char *)content + 4 * word, 4);
        ((volatile uint32_t *)page)[word] = value;
        while (duration && microseconds() < begin + duration * (int64_t)word / (int64_t)words)
            YieldProcessor();
    }
}

static DWORD WINAPI obey(void *unused)
{
    char line[32];
    (void)unused;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (!strcmp(line, "pause")) InterlockedExchange(&wanted, PAUSE);
        else if (!strcmp(line, "replay")) InterlockedExchange(&wanted, REPLAY);
        else if (!strcmp(line, "live")) InterlockedExchange(&wanted, LIVE);
        else if (!strcmp(line, "exit")) InterlockedExchange(&wanted, OFF);
        else if (!strcmp(line, "crash")) InterlockedExchange(&wanted, CRASHED);
        else fprintf(stderr, "unknown command: %s\n", line);
    }
    return 0;
}

static const char usage[] =
    "standin.exe [--prefix TEXT] [--load MS] [--seconds N] [--write-time US] [--competizione] [--crash]\n"
    "standin.exe --layout\n"
    "  --prefix TEXT     before the names of the mappings\n"
    "  --load MS         write nothing for so long; the game takes 900\n"
    "  --seconds N       end by itself after so long (600)\n"
    "  --write-time US   take so long to write the physics page; the game takes less than 1\n"
    "  --competizione    be the other game with these names\n"
    "  --crash           at the end of --seconds, crash rather than exit\n"
    "  --layout          print page, field, offset and size of every field, and end\n";

int main(int argc, char **argv)
{
    const char *prefix = "";
    int64_t load = 0, seconds = 600, write_time = 0;
    int competizione = 0, crash = 0;

    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        if (!strcmp(option, "--layout")) return print_layout(), 0;
        if (!strcmp(option, "--competizione")) competizione = 1;
        else if (!strcmp(option, "--crash")) crash = 1;
        else if (i + 1 == argc) return fputs(usage, stderr), 64;
        else if (!strcmp(option, "--prefix")) prefix = argv[++i];
        else if (!strcmp(option, "--load")) load = atoi(argv[++i]);
        else if (!strcmp(option, "--seconds")) seconds = atoi(argv[++i]);
        else if (!strcmp(option, "--write-time")) write_time = atoi(argv[++i]);
        else return fputs(usage, stderr), 64;
    }

    /* The original game asks for the size of its physics page three times; the system gives whole pages of 4,096. */
    void *physics_page = create_page(prefix, "physics", competizione ? 800 : sizeof(Physics));
    void *graphics_page = create_page(prefix, "graphics", competizione ? 1588 : sizeof(Physics));
    void *static_page = create_page(prefix, "static", competizione ? 784 : sizeof(Physics));
    CreateThread(NULL, 0, obey, NULL, 0, NULL);
    puts("ready");
    fflush(stdout);

    Physics physics;
    Graphics graphics;
    Static fixed;
    int32_t step = (int32_t)(load / 3), frame = 0, driven = 0;
    LONG status;
    timeBeginPeriod(1);
    const int64_t begin = microseconds() + load * 1000;
    const int64_t end = begin + seconds * 1000000;
    int64_t next_step = begin;
    while ((status = wanted) != OFF && status != CRASHED) {
        /* Due times are absolute: a late step does not delay those after it. */
        const int64_t due = min(next_step, begin + frame * INT64_C(50000) / 3);
        const int64_t now = microseconds();
        if (now >= end)
            break;
        if (now < due) {
            Sleep(due - now < 2000 ? 1 : (DWORD)((due - now) / 1000));
            continue;
        }
        if (due == begin && !frame) {
            fill_static(&fixed, competizione ? L"1.9" : L"1.7");
            publish(static_page, &fixed, sizeof fixed, 0);
        }
        if (now >= next_step) {
            next_step += 3000;
            if (status == LIVE) {
                fill_physics(&physics, step++);
                publish(physics_page, &physics, sizeof physics, write_time);
            }
        }
        if (now >= begin + frame * INT64_C(50000) / 3) {
            fill_graphics(&graphics, 2 * frame++ + 1, status, status == LIVE ? driven++ : driven);
            publish(graphics_page, &graphics, sizeof graphics, 0);
        }
    }
    if (status == CRASHED)
        crash = 1;
    if (!crash) {
        fill_graphics_at_exit(&graphics);
        publish(graphics_page, &graphics, sizeof graphics, 0);
    }
    printf("physics %d graphics %d\n", (int)step - 1, 2 * (int)frame - 1);
    fflush(stdout);
    ExitProcess(crash ? 3 : 0); /* with the thread that waits for standard input */
}
