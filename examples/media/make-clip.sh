#!/bin/sh
# Makes clip.mp4 anew, from nothing but ffmpeg's own sources (x264 and native AAC).
#
# 8 s is the shortest length at which 2 s groups of pictures at 30 fps and AAC frames of 1,024 samples
# at 48 kHz end together (240 frames, 375 AAC frames), so a loop of this clip joins with no gap at all.
# Every motion and every tone has a period that divides 8 s: the joint can be neither seen nor heard.
set -eu
cd "$(dirname "$0")"

# A sun over three rows of waves. `w` is one turn in 8 s.
w='2*PI*T/8'
sun="hypot(X-320-90*sin($w),Y-118-14*cos($w))"
far="gt(Y,196+7*sin(2*PI*X/320+$w)+3*sin(2*PI*X/128-2*$w))"
mid="gt(Y,240+10*sin(2*PI*X/640-2*$w)+4*sin(2*PI*X/160+3*$w))"
near="gt(Y,292+13*sin(2*PI*X/320+3*$w)+5*sin(2*PI*X/640-$w))"
layer() { # sky, sun, far, mid, near: one colour channel
    echo "if($near,$5,if($mid,$4,if($far,$3,min(250,$1+$2*(lt($sun,44)+exp(-$sun/70))))))"
}
red=$(layer '36+Y*0.55' '95' '58+Y*0.12' '34+Y*0.05' '12+Y*0.03')
green=$(layer '44+Y*0.28' '62' '84+Y*0.10' '66+Y*0.05' '40+Y*0.03')
blue=$(layer '96+Y*0.10' '8' '118+Y*0.10' '104+Y*0.06' '78+Y*0.04')

# An A major ninth that breathes, left and right in turn. Every frequency is a multiple of 1/8 Hz.
tone="0.16*sin(2*PI*110*t)+0.10*sin(2*PI*164.75*t)+0.08*sin(2*PI*277.125*t)"
high="0.05*sin(2*PI*415.25*t)+0.04*sin(2*PI*493.875*t)"
left="($tone)*(0.75+0.25*sin(2*PI*t/8))+($high)*(0.5+0.5*sin(2*PI*t/4))"
right="($tone)*(0.75-0.25*sin(2*PI*t/8))+($high)*(0.5-0.5*sin(2*PI*t/4))"

ffmpeg -hide_banner -loglevel error -y \
    -f lavfi -i "nullsrc=s=640x360:r=30:d=8,format=gbrp,geq=r='$red':g='$green':b='$blue'" \
    -f lavfi -i "aevalsrc=exprs='$left|$right':s=48000:d=8" \
    -map 0:v -map 1:a -map_metadata -1 -fflags +bitexact \
    -vf format=yuv420p -c:v libx264 -profile:v high -preset slow -b:v 560k -maxrate 800k -bufsize 800k \
    -bf 2 -g 60 -keyint_min 60 -sc_threshold 0 -flags:v +cgop+bitexact \
    -colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv \
    -c:a aac -b:a 96k -flags:a +bitexact \
    -movflags +faststart clip.mp4
